"""A masked member: its key first, then noise to everybody but the sum, and the inner member as it was."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from feddmf.errors import Misconduct, RunFailed
from feddmf.masks import from_fixed
from feddmf.members.base import Member
from feddmf.members.masked import MaskedMember
from feddmf.payload import Payload
from feddmf.protocols.registry import protocol_for
from feddmf.protocols.summed import KEYS
from support.runs import small_run, subset_catalogue

NAMES = ("acme", "bolt", "cargo")
SETTINGS = {
    "catalogue": subset_catalogue(NAMES, shared=8, own=2),
    "users": 12,
    "each": 3,
    "protocol": "fedavg",
    "model": {"embedding_dim": 3, "hidden_dim": 4},
    "training": {"epochs": 2, "batch_size": 64},
}
RUN = small_run(3, masks=True, **SETTINGS)
OPEN = small_run(3, **SETTINGS)
FIRST = protocol_for("fedavg").phases(RUN.plan)[1]


def made() -> dict[str, Member]:
    """Return fresh masked members."""
    return RUN.members()


def told(members: dict[str, Member]) -> Payload:
    """Let every member tell its key; return what all are told."""
    keys = [member.contribute(KEYS, 0, None)["public_key"] for member in members.values()]
    return Payload({"public_keys": np.concatenate(keys, axis=1)})


def test_the_registry_wraps_only_masked_runs() -> None:
    """A run in the open has members as they are."""
    assert isinstance(made()["acme"], MaskedMember)
    assert not isinstance(OPEN.member("acme"), MaskedMember)


def test_the_first_thing_it_tells_is_a_key_of_its_own() -> None:
    """Nothing is trained by then, and no two members, not even of one party, have the same key."""
    members = made()
    keys = {each.contribute(KEYS, 0, None).sha256() for each in (*members.values(), RUN.member("acme"))}
    assert len(keys) == 4
    protocol_for("fedavg").phases(RUN.plan)[0].contribution.check(
        members["acme"].contribute(KEYS, 0, None), RUN.items["acme"].sizes(0)
    )
    assert members["acme"].figures() == {"loss": 0.0}


def test_contributions_are_noise_and_their_sum_is_not() -> None:
    """Each array fits the masked schema and is another in every number; the totals are those in the open."""
    members, rows = made(), RUN.rows
    keys = told(members)
    hidden = {party: member.contribute("average", 0, keys) for party, member in members.items()}
    plain = {party: OPEN.member(party).contribute("average", 0, None) for party in NAMES}
    for name in ("vectors", "layers", "loss"):
        shape = (rows.n_aligned if name == "vectors" else 1, plain["acme"][name].shape[1])
        total, expected = np.zeros(shape, np.uint64), np.zeros(shape)
        for party in NAMES:
            FIRST.contribution.check(hidden[party], rows.sizes(party))
            at = rows.aligned[party] if name == "vectors" else slice(None)
            assert (np.abs(from_fixed(hidden[party][name]) - plain[party][name]) > 1e-3).all()
            total[at] += hidden[party][name]
            expected[at] += plain[party][name]
        np.testing.assert_allclose(from_fixed(total), expected, rtol=0, atol=3 * 2.0**-41)


def test_no_two_arrays_of_a_run_lie_under_the_same_masks() -> None:
    """Else their difference would be open: phase, round and name each change every word."""
    members = made()
    acme = members["acme"]
    acme.contribute("average", 0, told(members))
    nothing = np.zeros((1, 40), np.float32)
    places = [
        ("average", 0, "layers"),
        ("average", 1, "layers"),
        ("average", 0, "loss"),
        ("close", 0, "loss"),
    ]
    for left, right in itertools.combinations([acme._hide(nothing, *place) for place in places], 2):
        assert not (left == right).any()


@pytest.mark.parametrize("moment", ["before the key", "before it agrees", "after it has agreed"])
def test_a_restored_member_sends_the_same_bytes(moment: str) -> None:
    """The private key is in the snapshot: whenever it was taken, the same contribution comes again."""
    members = made()
    early = members["acme"].snapshot()
    keys = told(members)
    key = members["acme"].contribute(KEYS, 0, None)
    snapshot = early if moment == "before the key" else members["acme"].snapshot()
    first = members["acme"].contribute("average", 0, keys)
    answer = Payload({"vectors": np.zeros((len(RUN.items["acme"].matched), 3), np.float32)})
    answer = Payload({**answer, "layers": np.zeros((1, FIRST.contribution.arrays[1].columns), np.float32)})
    late = members["acme"].snapshot()
    second = members["acme"].contribute("average", 1, answer)
    again = RUN.member("acme")
    if moment == "after it has agreed":
        again.restore(late)
    else:
        again.restore(snapshot)
        assert again.contribute(KEYS, 0, None).sha256() == key.sha256()
        assert again.contribute("average", 0, keys).sha256() == first.sha256()
    assert again.contribute("average", 1, answer).sha256() == second.sha256() != first.sha256()


def test_a_changed_key_is_noticed_before_anything_is_trained() -> None:
    """A coordinator that hands out another key for this party ends the run here."""
    members = made()
    keys = told(members)["public_keys"].copy()
    keys[0, 0] ^= 1
    with pytest.raises(RunFailed, match="another public key for acme than it sent"):
        members["acme"].contribute("average", 0, Payload({"public_keys": keys}))
    assert members["acme"].figures() == {"loss": 0.0}


def test_a_key_that_is_none_names_the_peer() -> None:
    """Whoever sent zeros would have made the masks known to all."""
    members = made()
    keys = told(members)["public_keys"].copy()
    keys[0, 4:8] = 0
    with pytest.raises(Misconduct, match="bolt sent something that is no public key"):
        members["acme"].contribute("average", 0, Payload({"public_keys": keys}))


def test_everything_else_is_the_inner_members() -> None:
    """Publications, model and figures are those of the same member in the open."""
    members = made()
    masked, plain = members["acme"], OPEN.member("acme")
    masked.contribute("average", 0, told(members))
    plain.contribute("average", 0, None)
    assert masked.publications().sha256() == plain.publications().sha256()
    assert masked.figures() == plain.figures()
    for name, array in plain.model_arrays().items():
        assert masked.model_arrays()[name].tobytes() == array.tobytes()
