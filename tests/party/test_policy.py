"""The party's own policy: a run that asks for more than it allows is declined before anything is sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from feddmf.config import load_toml
from feddmf.errors import ConfigError, PolicyError
from feddmf.payload import Axis, ReleaseKind
from feddmf.protocols.registry import protocol_for
from feddmf_party.policy import Policy, check_plan, render_policy_toml
from support.runs import small_run

RUN = small_run(
    2, shared=5, own=2, training={"epochs": 2}, alignment={"syncs_per_epoch": 3, "probe_share": 0.0}
)
ITEMS = RUN.items["acme"]
# 7 contributions of 5 vectors of 32 numbers and a loss, and 2 published vectors.
NBYTES = 7 * (5 * 32 * 4 + 4) + 2 * 32 * 4


def check(**policy: Any) -> None:
    """Hold the run against a policy; two items are offered."""
    check_plan(RUN.plan, ITEMS, Policy(**policy), offered=2)


def test_the_default_policy_lets_the_default_protocol_run() -> None:
    """Item vectors, attribute vectors and loss figures may leave; item counts, which are sales, may not."""
    check()
    assert set(Policy().release_kinds) == {
        ReleaseKind.ITEM_VECTORS,
        ReleaseKind.ATTRIBUTE_VECTOR,
        ReleaseKind.LOSS_SCALAR,
    }


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


def test_limits_are_inclusive() -> None:
    """A run that is exactly at its limits may go on."""
    check(max_rounds=7, max_run_bytes=NBYTES)


def test_what_is_counted_is_what_is_sent() -> None:
    """The bytes that a plan is checked by are those of the schemas, at this party's own row counts."""
    protocol, sizes = protocol_for("feddmf"), ITEMS.sizes(2)
    sent = sum(phase.rounds * phase.contribution.nbytes(sizes) for phase in protocol.phases(RUN.plan))
    assert sizes == {Axis.MATCHED_ITEMS: 5, Axis.ALIGNED_ITEMS: 5, Axis.OFFERED_ITEMS: 2}
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
    keys = [line.removeprefix("# ") for line in text.splitlines() if " = " in line]
    assert len(keys) == len(Policy.model_fields)
    path.write_text("\n".join(keys))
    assert load_toml(path, Policy) == Policy()
