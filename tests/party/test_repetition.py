"""The party's rule on protocols of sums: with one seed it contributes under one set of conditions only."""

from __future__ import annotations

import hashlib
import hmac
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feddmf.errors import InputError, PolicyError
from feddmf.interactions import Interactions
from feddmf.payload import Axis, DType, Payload, PayloadSchema
from feddmf.plan import Plan
from feddmf.protocols.registry import protocol_for
from feddmf_party.egress import EgressGate
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.participation import prepare
from feddmf_party.policy import Policy
from feddmf_party.repetition import check_not_repeated, conditions_of, hidden
from support.federation import founded, quick_run
from support.runs import small_run

SMALL = small_run(3, shared=4, own=1, each=2)
TABLE = SMALL.tables["acme"]
THREE, TWO = ("acme", "bolt", "cargo"), ("acme", "bolt")
KINDS = (
    *("public_key", "masked_sum", "attribute_vector", "item_vectors", "shared_layers", "loss_scalar"),
    *("quality_scalar", "item_gradient", "gram"),
)
POLICY = Policy(protocols=("feddmf", "fedavg", "fcf"), release_kinds=KINDS)


def plan_of(roster: tuple[str, ...], run: str = "again-1", **settings: Any) -> Plan:
    """Return the plan of a masked run."""
    chosen = {"protocol": "fedavg", "masks": True, **settings}
    return Plan(run=run, catalogue=SMALL.catalogue.digest(), settings=quick_run(roster, **chosen))


def zeros(schema: PayloadSchema) -> Payload:
    """Return a payload that fits a schema over four matched items."""
    sizes = {Axis.MATCHED_ITEMS: 4}
    return Payload({spec.name: np.zeros(spec.shape(sizes), spec.dtype.numpy) for spec in schema.arrays})


def took_part(ledger: Path, plan: Plan, *, phases: int = 2) -> None:
    """Write a party's part in a run into its ledger: the join, and a release in each of its first phases."""
    gate = EgressGate(plan, POLICY, LedgerFile(ledger))
    gate.join(kept_of(plan, TABLE, ledger))
    for phase in protocol_for(plan.settings.protocol).phases(plan)[:phases]:
        schema = phase.contribution
        gate.clear(phase.name, 0, zeros(schema), schema=schema, sizes={Axis.MATCHED_ITEMS: 4}, items=("a",))


def kept_of(plan: Plan, data: Interactions, ledger: Path) -> str:
    """Return a run's conditions as the ledger keeps them."""
    return hidden(conditions_of(plan, data), PartyFolder(ledger.parent).ledger_key)


def check(ledger: Path, plan: Plan, data: Interactions = TABLE) -> None:
    """Hold a plan against the ledger."""
    check_not_repeated(plan, kept_of(plan, data, ledger), LedgerFile(ledger).records())


def with_one_more_user() -> Interactions:
    """Return the table with a customer more."""
    users, items = np.append(TABLE.rows(), TABLE.users), np.append(TABLE.indices, 0)
    return Interactions.from_pairs(users, items, shape=(TABLE.users + 1, TABLE.items))


def test_a_join_says_what_contributions_depend_on(tmp_path: Path) -> None:
    """What the rule needs later is on record before anything is sent."""
    ledger = tmp_path / "ledger.jsonl"
    plan = plan_of(THREE, seed=7)
    took_part(ledger, plan, phases=0)
    (record,) = LedgerFile(ledger).records()
    names = ("event", "protocol", "seed", "masks", "parties", "conditions")
    assert {name: record[name] for name in names} == {
        "event": "join",
        "protocol": "fedavg",
        "seed": 7,
        "masks": True,
        "parties": ["acme", "bolt", "cargo"],
        "conditions": kept_of(plan, TABLE, ledger),
    }


def test_conditions_are_kept_under_a_key_of_the_folder(tmp_path: Path) -> None:
    """Who knows plan and table cannot tell them by a ledger: another folder, or table, has another."""
    conditions, keys = conditions_of(plan_of(THREE), TABLE), [tmp_path / "a.key", tmp_path / "b.key"]
    first, second = (hidden(conditions, key) for key in keys)
    assert len({conditions, first, second, hidden(conditions[::-1], keys[0])}) == 4
    assert hidden(conditions, keys[0]) == first
    assert [stat.S_IMODE(key.stat().st_mode) for key in keys] == [0o600, 0o600]
    assert first == hmac.new(keys[0].read_bytes(), conditions.encode(), hashlib.sha256).hexdigest()


def test_a_damaged_key_is_said(tmp_path: Path) -> None:
    """With the file's name, and what to do."""
    key = tmp_path / "ledger.key"
    key.write_bytes(b"half")
    with pytest.raises(InputError, match=r"ledger\.key has 4 bytes, a key has 32") as caught:
        hidden("c0ffee", key)
    assert "backup" in caught.value.hint


OTHERS = {
    "a party less": plan_of(TWO),
    "another catalogue": plan_of(THREE).model_copy(update={"catalogue": "0" * 64}),
    "another setting": plan_of(THREE, fedavg={"weighting": "samples"}),
    "in the open, a party less": plan_of(TWO, masks=False),
}


@pytest.mark.parametrize("first", [THREE, TWO], ids=["three", "two"])
@pytest.mark.parametrize("masks", [True, False], ids=["masked", "open"])
def test_another_roster_with_the_same_seed_is_declined(
    tmp_path: Path, first: tuple[str, ...], *, masks: bool
) -> None:
    """The difference would be the third party's contribution, also where one of the runs was in the open."""
    ledger = tmp_path / "ledger.jsonl"
    took_part(ledger, plan_of(first, "first-1", masks=masks))
    with pytest.raises(PolicyError, match=r"again-1 has the protocol and seed of run first-1") as caught:
        check(ledger, plan_of(TWO if first == THREE else THREE))
    # The operator reads the message alone.
    assert caught.value.message.endswith("; it takes another seed")
    assert caught.value.hint == "ask the operator to submit it with another seed"


@pytest.mark.parametrize("plan", OTHERS.values(), ids=OTHERS)
def test_other_conditions_with_the_same_seed_are_declined(tmp_path: Path, plan: Plan) -> None:
    """Whatever a contribution depends on must be as it was."""
    ledger = tmp_path / "ledger.jsonl"
    took_part(ledger, plan_of(THREE, "first-1"))
    with pytest.raises(PolicyError, match="other parties, catalogue, settings or tables"):
        check(ledger, plan)


@pytest.mark.parametrize("masks", [True, False], ids=["masked", "open"])
def test_one_more_customer_with_the_same_seed_is_declined(tmp_path: Path, *, masks: bool) -> None:
    """The difference of the two runs would be that customer's own gradient."""
    ledger = tmp_path / "ledger.jsonl"
    took_part(ledger, plan_of(THREE, "first-1", protocol="fcf", masks=masks))
    with pytest.raises(PolicyError, match="down to a single customer"):
        check(ledger, plan_of(THREE, protocol="fcf", masks=masks), with_one_more_user())


def test_an_id_that_comes_twice_is_no_way_around(tmp_path: Path) -> None:
    """Nor is a run of the same id with another seed in between, to which nothing was sent."""
    ledger = tmp_path / "ledger.jsonl"
    took_part(ledger, plan_of(THREE, "first-1"))
    took_part(ledger, plan_of(THREE, "first-1", seed=1), phases=1)
    for run in ("first-1", "again-1"):
        with pytest.raises(PolicyError):
            check(ledger, plan_of(TWO, run))


@pytest.mark.parametrize(
    "plan",
    [
        plan_of(TWO, seed=1),
        plan_of(THREE),
        plan_of(("cargo", "bolt", "acme")),
        plan_of(THREE, masks=False),
        plan_of(TWO, protocol="fcf"),
        plan_of(TWO, protocol="feddmf", masks=False),
    ],
    ids=["another seed", "the same", "another order", "in the open", "another protocol", "no sums"],
)
def test_what_shows_nothing_is_joined(tmp_path: Path, plan: Plan) -> None:
    """Another seed draws other numbers, and the same conditions give the same contributions."""
    ledger = tmp_path / "ledger.jsonl"
    took_part(ledger, plan_of(THREE, "first-1"))
    check(ledger, plan)


def test_a_run_to_which_nothing_was_sent_counts_for_nothing(tmp_path: Path) -> None:
    """A party that is lost after its public key leaves the seed as it is."""
    ledger = tmp_path / "ledger.jsonl"
    took_part(ledger, plan_of(THREE, "first-1"), phases=1)
    (release,) = [record for record in LedgerFile(ledger).records() if record["event"] == "release"]
    assert [array["kind"] for array in release["arrays"]] == ["public_key"]
    check(ledger, plan_of(TWO))


def test_ledgers_of_older_versions_can_be_read(tmp_path: Path) -> None:
    """Their joins say neither protocol nor seed, and no masked sum has followed them."""
    ledger = tmp_path / "ledger.jsonl"
    file = LedgerFile(ledger)
    file.append({"event": "offer", "catalogue_version": 1, "count": 0, "items": ""})
    file.append({"event": "join", "run": "old-1", "purpose": "p", "parties": list(THREE), "catalogue": ""})
    array = {"name": "vectors", "kind": "item_vectors", "dtype": DType.FLOAT32.value, "shape": [4, 2]}
    file.append({"event": "release", "run": "old-1", "arrays": [array], "bytes": 32})
    check(ledger, plan_of(TWO))


def test_such_a_run_is_declined_before_it_is_joined(tmp_path: Path) -> None:
    """The node asks the ledger before it joins, and joins once the seed is another."""
    home = founded(tmp_path, SMALL).parties["acme"]
    kinds = ", ".join(f'"{kind}"' for kind in KINDS)
    (home / "policy.toml").write_text(f'protocols = ["fedavg"]\nrelease_kinds = [{kinds}]\n')
    folder = PartyFolder(home)
    took_part(folder.ledger, plan_of(THREE, "first-1"))
    before = folder.ledger.read_bytes()
    with pytest.raises(PolicyError, match="down to a single customer"):
        prepare(folder, "acme", plan_of(TWO).model_dump_json().encode(), "again-1")
    assert folder.ledger.read_bytes() == before
    part = prepare(folder, "acme", plan_of(TWO, seed=1).model_dump_json().encode(), "again-1")
    assert [phase.name for phase in part.phases] == ["keys", "average", "close"]


def test_a_run_with_a_quorum_is_like_no_other() -> None:
    """Who is there in its rounds is a matter of the moment: with the same seed another one may tell more."""
    open_runs = [plan_of(THREE, run, masks=False, waits={"quorum": 2}) for run in ("again-1", "again-2")]
    everybody = [plan_of(THREE, run, masks=False) for run in ("again-1", "again-2")]
    first, second = (conditions_of(plan, TABLE) for plan in open_runs)
    of_all, again = (conditions_of(plan, TABLE) for plan in everybody)
    assert of_all == again
    assert len({first, second, of_all}) == 3
