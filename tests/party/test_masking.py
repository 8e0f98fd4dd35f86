"""The party's rule on masked runs: with one seed it sends masked sums to one roster only."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feddmf.errors import PolicyError
from feddmf.payload import Axis, DType, Payload, PayloadSchema
from feddmf.plan import Plan
from feddmf.protocols.registry import protocol_for
from feddmf_party.egress import EgressGate
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.masking import check_masked_before
from feddmf_party.participation import prepare
from feddmf_party.policy import Policy
from support.federation import founded, quick_run
from support.runs import small_run

SMALL = small_run(3, shared=4, own=1, each=2)
THREE, TWO = ("acme", "bolt", "cargo"), ("acme", "bolt")
KINDS = ("public_key", "masked_sum", "attribute_vector", "item_vectors", "shared_layers", "loss_scalar")
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
    gate.join()
    for phase in protocol_for(plan.settings.protocol).phases(plan)[:phases]:
        schema = phase.contribution
        gate.clear(phase.name, 0, zeros(schema), schema=schema, sizes={Axis.MATCHED_ITEMS: 4}, items=("a",))


def check(ledger: Path, plan: Plan) -> None:
    """Hold a plan against the ledger."""
    check_masked_before(plan, LedgerFile(ledger).records())


def test_a_join_says_protocol_seed_and_masks(tmp_path: Path) -> None:
    """What the rule needs later is on record before anything is sent."""
    ledger = tmp_path / "ledger.jsonl"
    took_part(ledger, plan_of(THREE, seed=7), phases=0)
    (record,) = LedgerFile(ledger).records()
    kept = {name: record[name] for name in ("event", "protocol", "seed", "masks", "parties")}
    assert kept == {
        "event": "join",
        "protocol": "fedavg",
        "seed": 7,
        "masks": True,
        "parties": ["acme", "bolt", "cargo"],
    }


@pytest.mark.parametrize("rosters", [(THREE, TWO), (TWO, THREE)], ids=["one less", "one more"])
def test_another_roster_with_the_same_seed_is_declined(
    tmp_path: Path, rosters: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    """The difference of the totals would be the third party's contribution; the error says what to do."""
    ledger = tmp_path / "ledger.jsonl"
    took_part(ledger, plan_of(rosters[0], "first-1"))
    with pytest.raises(PolicyError, match=r"again-1 has the protocol and seed of run first-1") as caught:
        check(ledger, plan_of(rosters[1]))
    assert f"another roster ({', '.join(rosters[0])})" in caught.value.message
    assert caught.value.hint == "submit it with another seed"


def test_a_new_catalogue_is_no_way_around(tmp_path: Path) -> None:
    """It may leave a party's own items, and so its contributions, as they were."""
    ledger = tmp_path / "ledger.jsonl"
    took_part(ledger, plan_of(THREE, "first-1").model_copy(update={"catalogue": "0" * 64}))
    with pytest.raises(PolicyError):
        check(ledger, plan_of(TWO))


def test_an_id_that_comes_twice_is_no_way_around(tmp_path: Path) -> None:
    """Nor is a run of the same id with another seed in between, from which no masked sum was sent."""
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
        plan_of(TWO, protocol="fcf"),
        plan_of(TWO, masks=False),
    ],
    ids=["another seed", "same roster", "same roster in another order", "another protocol", "in the open"],
)
def test_what_shows_nothing_is_joined(tmp_path: Path, plan: Plan) -> None:
    """Another seed draws other numbers, the same roster gives the same totals, the open hides nothing."""
    ledger = tmp_path / "ledger.jsonl"
    took_part(ledger, plan_of(THREE, "first-1"))
    check(ledger, plan)


def test_a_run_in_which_no_masked_sum_was_sent_counts_for_nothing(tmp_path: Path) -> None:
    """A party that is lost before the first sum leaves the seed as it is; so does a run in the open."""
    ledger = tmp_path / "ledger.jsonl"
    took_part(ledger, plan_of(THREE, "first-1"), phases=1)
    took_part(ledger, plan_of(THREE, "open-1", masks=False))
    releases = [record for record in LedgerFile(ledger).records() if record["event"] == "release"]
    assert [release["arrays"][0]["kind"] for release in releases] == [
        *("public_key", "item_vectors", "loss_scalar"),
    ]
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
    """The node asks the ledger before it opens a table, and joins once the seed is another."""
    home = founded(tmp_path, SMALL).parties["acme"]
    kinds = ", ".join(f'"{kind}"' for kind in KINDS)
    (home / "policy.toml").write_text(f'protocols = ["fedavg"]\nrelease_kinds = [{kinds}]\n')
    folder = PartyFolder(home)
    took_part(folder.ledger, plan_of(THREE, "first-1"))
    before = folder.ledger.read_bytes()
    table = home / "interactions.csv"
    table.rename(home / "away.csv")
    with pytest.raises(PolicyError, match="another roster"):
        prepare(folder, "acme", plan_of(TWO).model_dump_json().encode(), "again-1")
    assert folder.ledger.read_bytes() == before
    (home / "away.csv").rename(table)
    part = prepare(folder, "acme", plan_of(TWO, seed=1).model_dump_json().encode(), "again-1")
    assert [phase.name for phase in part.phases] == ["keys", "average", "close"]
