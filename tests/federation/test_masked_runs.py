"""Masked runs over mutual TLS: the end without a party, and which second run the others join."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from feddmf.errors import PolicyError
from feddmf.runfile import RunSettings
from feddmf_coordinator.store.runs import RunState
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.run_folder import RunFolder
from support.enrolment import until
from support.federation import LiveFederation, Watch, live, quick_run
from support.runs import small_run

THREE, TWO = ("acme", "bolt", "cargo"), ("acme", "bolt")
POLICY = """\
protocols = ["fedavg"]
release_kinds = [
  "public_key", "masked_sum", "item_vectors", "shared_layers", "loss_scalar", "attribute_vector",
]
"""


def masked_run(roster: tuple[str, ...], **sections: Any) -> RunSettings:
    """Return the settings of a masked run."""
    return quick_run(roster, protocol="fedavg", masks=True, **sections)


def allow(federation: LiveFederation) -> None:
    """Let every party send masked sums and what they hide."""
    for party in THREE:
        (federation.folder(party) / "policy.toml").write_text(POLICY)


def kinds_of(federation: LiveFederation, party: str) -> set[str]:
    """Return the kinds of arrays that a party's ledger says have left."""
    records = LedgerFile(federation.folder(party) / "ledger.jsonl").records()
    return {array["kind"] for record in records for array in record.get("arrays", ())}


def test_a_run_with_another_roster_takes_another_seed(tmp_path: Path) -> None:
    """After a masked run of three, two of them decline one with the same seed and finish one with another."""

    async def main() -> None:
        async with live(tmp_path, small_run(3, users=24)) as federation:
            allow(federation)
            run = federation.submit(masked_run(THREE))
            assert set((await federation.nodes(*THREE)).values()) == {None}
            assert federation.run(run).state is RunState.FINISHED
            assert [each["phase"] for each in federation.rounds(run)] == ["keys", *["average"] * 15, "close"]
            assert kinds_of(federation, "cargo") == {"public_key", "masked_sum", "attribute_vector"}
            run = federation.submit(masked_run(TWO))
            errors = await federation.nodes(*TWO)
            assert PolicyError in {type(error) for error in errors.values()}
            ended = await federation.ended(run)
            assert ended.state is RunState.FAILED
            assert ended.reason is not None
            assert "down to a single customer; it takes another seed" in ended.reason
            run = federation.submit(masked_run(TWO, seed=1))
            assert set((await federation.nodes(*TWO)).values()) == {None}
            peers = RunFolder(federation.folder("acme") / "runs" / run).load_peers()
            assert [peer.party for peer in peers] == ["bolt"]

    asyncio.run(main())


def test_a_party_that_is_lost_in_mid_run_ends_it_and_is_named(tmp_path: Path) -> None:
    """The masks with it never cancel; the others' rerun without it needs another seed."""

    async def main() -> None:
        async with live(tmp_path, small_run(3, users=24)) as federation:
            allow(federation)
            waits = {"absent_s": 1}
            long = {"epochs": 200}
            run = federation.submit(masked_run(THREE, training=long, fedavg={"max_rounds": 200}, waits=waits))
            watch = Watch()
            lost = asyncio.create_task(federation.node("cargo", watch))
            others = [asyncio.create_task(federation.node(party)) for party in TWO]
            await until(lambda: watch.count("round_done") > 3)
            lost.cancel()
            found = await federation.ended(run)
            assert found.state is RunState.FAILED
            assert found.reason is not None
            assert found.reason.startswith("cargo is missing")
            assert ["cargo is missing" in str(error) for error in await asyncio.gather(*others)] == [
                True,
                True,
            ]
            federation.submit(masked_run(TWO))
            errors = await federation.nodes(*TWO)
            assert PolicyError in {type(error) for error in errors.values()}

    asyncio.run(main())
