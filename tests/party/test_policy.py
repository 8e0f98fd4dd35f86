"""The party's own policy: a run that asks for more than it allows is declined before anything is sent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from feddmf.config import load_toml
from feddmf.errors import ConfigError, PolicyError
from feddmf.payload import Axis, ReleaseKind
from feddmf.protocols.registry import protocol_for
from feddmf_party.objections import asked_of, check_plan, objections_to
from feddmf_party.policy import ITEM_KINDS, Policy, render_policy_toml
from feddmf_party.privacy_policy import PrivacyPolicy
from feddmf_party.query_policy import QueryPolicy
from support.runs import small_run

RUN = small_run(
    2, shared=5, own=2, training={"epochs": 2}, alignment={"syncs_per_epoch": 3, "probe_share": 0.0}
)
ITEMS = RUN.items["acme"]
# 7 contributions of 5 vectors of 32 numbers and a loss, and 2 published vectors.
NBYTES = 7 * (5 * 32 * 4 + 4) + 2 * 32 * 4


def check(**policy: Any) -> None:
    """Hold the run against a policy; two items are offered."""
    check_plan(RUN.plan, ITEMS, Policy(**policy), offered=ITEMS.exclusive)


def test_the_default_policy_lets_the_default_protocol_run() -> None:
    """Vectors of items and attributes and figures may leave; item counts, which are sales, may not."""
    check()
    for recipe in ("default", "embedding", "paper"):
        check_protocol("feddmf", recipe=recipe)
    assert set(Policy().release_kinds) == {
        ReleaseKind.ITEM_VECTORS,
        ReleaseKind.CONTEXT_VECTORS,
        ReleaseKind.ATTRIBUTE_VECTOR,
        ReleaseKind.LOSS_SCALAR,
        ReleaseKind.QUALITY_SCALAR,
    }


def test_the_layers_of_a_tower_need_a_word_of_the_policy() -> None:
    """With maps that are exchanged once a constant of the tower leaves, which the default policy keeps in."""
    once = {"recipe": "default", "alignment": {"method": "once"}}
    with pytest.raises(PolicyError, match=r"asks for shared_layers \(constant\)"):
        check_protocol("feddmf", **once)
    kinds = (*Policy().release_kinds, ReleaseKind.SHARED_LAYERS)
    check_protocol("feddmf", policy=Policy(release_kinds=kinds), **once)


def test_the_linear_vectors_of_a_history_have_support() -> None:
    """They are those of a transfer, and a policy asks as many users behind an item."""
    with pytest.raises(PolicyError, match="lets 2 users stand behind an item, under 3") as caught:
        check_protocol("feddmf", recipe="default", transfer={"min_support": 2})
    assert "min_support = 2" in caught.value.hint
    with pytest.raises(PolicyError, match=r"the run file must say transfer\.min_support = 3 or more"):
        check_protocol("feddmf", recipe="default", transfer={"min_support": 1})
    # Without a linear part there are still user attributes.
    with pytest.raises(PolicyError, match="lets 2 users stand behind"):
        check_protocol("feddmf", recipe="default", linear_rank=0, transfer={"min_support": 2})


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ({"protocols": ()}, "uses protocol feddmf"),
        ({"release_kinds": ()}, r"asks for item_vectors \(vectors\)"),
        (
            {"release_kinds": (ReleaseKind.ITEM_VECTORS, ReleaseKind.LOSS_SCALAR)},
            r"asks for attribute_vector \(vectors\)",
        ),
        ({"max_rounds": 6}, "has 7 exchanges, over 6"),
        ({"max_run_bytes": NBYTES - 1}, f"sends {NBYTES} bytes, over {NBYTES - 1}"),
    ],
)
def test_what_the_policy_does_not_allow_is_named(policy: dict[str, Any], message: str) -> None:
    """Protocol, kinds, number of exchanges and bytes are checked from the plan alone."""
    with pytest.raises(PolicyError, match=f"run small-1 {message}") as caught:
        check(**policy)
    assert "policy.toml" in caught.value.hint


def check_protocol(
    protocol: str, *, masks: bool = False, policy: Policy | None = None, **sections: Any
) -> None:
    """Hold a run of another protocol among three parties against a policy."""
    run = small_run(3, shared=5, own=2, protocol=protocol, masks=masks, **sections)
    check_plan(run.plan, run.items["acme"], policy or Policy(), offered=run.items["acme"].exclusive)


NEEDED = {
    ("fedavg", False): ["shared_layers"],
    ("fcf", False): ["item_gradient", "gram"],
    ("transfer", False): [],
    ("fedavg", True): ["public_key", "masked_sum", "shared_layers"],
    ("fcf", True): ["public_key", "masked_sum", "item_gradient", "gram"],
}


@pytest.mark.parametrize(("protocol", "masks"), NEEDED)
def test_another_protocol_is_declined_with_all_that_would_allow_it(
    tmp_path: Path, protocol: str, masks: bool
) -> None:
    """The reason names every kind at once; the hint's lines, copied into policy.toml, let the run in."""
    needed = NEEDED[protocol, masks]
    with pytest.raises(PolicyError, match=f"run small-1 uses protocol {protocol}") as caught:
        check_protocol(protocol, masks=masks)
    assert all(f"{kind} (" in caught.value.message for kind in needed)
    before, lines = caught.value.hint.split("policy.toml: ")
    assert before.startswith("decline it")
    (tmp_path / "policy.toml").write_text(lines.replace("; ", "\n"))
    policy = load_toml(tmp_path / "policy.toml", Policy)
    assert policy.protocols == ("feddmf", protocol)
    assert policy.release_kinds == (*Policy().release_kinds, *map(ReleaseKind, needed))
    check_protocol(protocol, masks=masks, policy=policy)


def test_support_under_the_partys_own_is_declined() -> None:
    """As few users as the run allows must be as many as the policy asks for; other protocols do not count."""
    kinds = (*Policy().release_kinds, ReleaseKind.ITEM_GRADIENT, ReleaseKind.GRAM)
    policy = Policy(protocols=("fcf", "transfer"), release_kinds=(*kinds, ReleaseKind.CONTEXT_VECTORS))
    few: dict[str, Any] = {"min_support": 2}
    enough: dict[str, Any] = {"min_support": 3}
    for protocol, other in (("fcf", "transfer"), ("transfer", "fcf")):
        with pytest.raises(PolicyError, match="lets 2 users stand behind an item, under 3") as caught:
            check_protocol(protocol, policy=policy, **{protocol: few})
        assert caught.value.hint == "decline it, or allow it in policy.toml: min_support = 2"
        check_protocol(protocol, policy=policy, **{protocol: enough, other: few})


@pytest.mark.parametrize("protocol", ["fcf", "transfer"])
def test_a_run_that_no_policy_allows_is_to_be_changed(protocol: str) -> None:
    """The operator reads what the run file must say; the party is told of no line that it could not use."""
    policy = Policy(protocols=("fcf", "transfer"), release_kinds=tuple(ReleaseKind), min_support=2)
    few: dict[str, Any] = {protocol: {"min_support": 1}}
    what = rf"which no policy allows \(the run file must say {protocol}\.min_support = 2 or more\)"
    with pytest.raises(PolicyError, match=f"lets a single user stand behind an item, {what}") as caught:
        check_protocol(protocol, policy=policy, **few)
    assert caught.value.hint == "decline it: the run file must change"
    with pytest.raises(PolicyError, match=rf"uses protocol .*{protocol}\.min_support = 3 or more") as caught:
        check_protocol(protocol, **few)
    before, lines = caught.value.hint.split("; allow the rest in policy.toml: ")
    assert before == "decline it: the run file must change"
    assert "min_support" not in lines
    check_protocol(protocol, policy=policy, **{protocol: {"min_support": 2}})


@pytest.mark.parametrize("purposes", [("a test",), ("campaign *", "a *"), ("*",), ("A test", "*test")])
def test_a_run_whose_purpose_the_policy_names_is_joined(purposes: tuple[str, ...]) -> None:
    """In whole, or with a star for any text."""
    check(purposes=purposes)


@pytest.mark.parametrize("purposes", [(), ("a",), ("test",), ("a test*s",), ("A TEST",), ("a.test",)])
def test_a_run_for_another_purpose_is_declined(tmp_path: Path, purposes: tuple[str, ...]) -> None:
    """The operator reads which; the line of the hint, copied into policy.toml, lets the run in."""
    with pytest.raises(PolicyError, match="run small-1 is for 'a test'") as caught:
        check(purposes=purposes)
    (tmp_path / "policy.toml").write_text(caught.value.hint.split("policy.toml: ")[1])
    policy = load_toml(tmp_path / "policy.toml", Policy)
    assert policy.purposes == (*purposes, "a test")
    check_plan(RUN.plan, ITEMS, policy, offered=ITEMS.exclusive)


def test_a_run_that_tells_of_items_that_the_policy_keeps_is_declined() -> None:
    """Matched ones and offered ones; the first is named, and how many more."""
    check(items=("m*", "acme-000", "acme-001"))
    with pytest.raises(PolicyError, match="tells of item 'acme-000' and 1 more") as caught:
        check(items=("m*",))
    assert 'items = ["m*", "acme-000"]' in caught.value.hint
    with pytest.raises(PolicyError, match="tells of item 'm000'"):
        check(items=("m00", "acme-*", "m001", "m002", "m003", "m004"))
    # What is not offered is not told of.
    check_plan(RUN.plan, ITEMS, Policy(items=("m*",)), offered=())


def test_what_a_run_asks_for_is_known_from_its_plan() -> None:
    """Kinds in their order, items, exchanges and bytes."""
    asked = asked_of(RUN.plan, ITEMS, offered=ITEMS.exclusive)
    assert (asked.items, asked.offered, asked.rounds, asked.nbytes) == (7, 2, 7, NBYTES)
    assert [kind.value for kind in asked.kinds] == ["item_vectors", "loss_scalar", "attribute_vector"]
    assert objections_to(RUN.plan, ITEMS, Policy(), offered=ITEMS.exclusive) == ()
    several = objections_to(RUN.plan, ITEMS, Policy(purposes=(), max_rounds=6), offered=ITEMS.exclusive)
    assert [each.line for each in several] == ['purposes = ["a test"]', "max_rounds = 7"]


def test_the_bound_on_vectors_says_what_it_does_not_bound() -> None:
    """Every kind of an item's vector is named in policy.toml, and that sums are not meant."""
    field = Policy.model_fields["max_row_norm"].description or ""
    assert all(kind.value in field for kind in ITEM_KINDS)
    assert "does not bound sums" in field


def test_no_policy_lets_single_users_through(tmp_path: Path) -> None:
    """What one user adds to an item shows what that user has."""
    (tmp_path / "policy.toml").write_text("min_support = 1")
    with pytest.raises(ConfigError, match="key min_support = 1"):
        load_toml(tmp_path / "policy.toml", Policy)


def test_limits_are_inclusive() -> None:
    """A run that is exactly at its limits may go on."""
    check(max_rounds=7, max_run_bytes=NBYTES)


def test_what_is_counted_is_what_is_sent() -> None:
    """The bytes that a plan is checked by are those of the schemas, at this party's own row counts."""
    protocol, sizes = protocol_for("feddmf"), ITEMS.sizes(2)
    sent = sum(phase.rounds * phase.contribution.nbytes(sizes) for phase in protocol.phases(RUN.plan))
    assert [sizes[axis] for axis in (Axis.MATCHED_ITEMS, Axis.ALIGNED_ITEMS, Axis.OFFERED_ITEMS)] == [5, 5, 2]
    assert sent + protocol.publication(RUN.plan).nbytes(sizes) == NBYTES


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('release_kinds = ["item_vectors", "user_vectors"]', r"key release_kinds\.1 = 'user_vectors'"),
        ("max_round = 3", "unknown key max_round"),
        ("max_rounds = 0", "key max_rounds = 0"),
    ],
)
def test_a_policy_that_says_nonsense_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """A kind that does not exist or a mistyped key is an error: a policy never means less than it says."""
    path = tmp_path / "policy.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"policy\.toml: {message}"):
        load_toml(path, Policy)


def test_the_written_policy_shows_the_defaults(tmp_path: Path) -> None:
    """The commented file means the defaults, as it is and with every comment taken off its keys."""
    path, text = tmp_path / "policy.toml", render_policy_toml()
    path.write_text(text)
    assert load_toml(path, Policy) == Policy()
    keys = re.findall(r"(?m)^#\w+ = .*$", text)
    sections = (QueryPolicy, PrivacyPolicy)
    own = len(Policy.model_fields) - len(sections)
    assert len(keys) == own + sum(len(section.model_fields) for section in sections)
    # What lies in sections has examples in place of some defaults.
    path.write_text("\n".join(key.removeprefix("#") for key in keys[:own]))
    assert load_toml(path, Policy) == Policy()
