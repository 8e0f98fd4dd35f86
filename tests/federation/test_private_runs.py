"""Private runs over mutual TLS: one charge and one release a party, of which all that leaves is made."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from feddmf.errors import PolicyError
from feddmf_coordinator.store.runs import RunState
from feddmf_party.ledger_file import LedgerFile
from support.federation import LiveFederation, live, quick_run

PARTIES = ("acme", "bolt")
GRAM = {"mode": "gram"}
# The accountant takes a second to load, and a busy machine many.
LONG = {"join_s": 120}
HISTORY: dict[str, Any] = {
    "recipe": "default",
    "model": {"tower": "history", "embedding_dim": 8},
    "training": {"epochs": 5, "batch_size": 20},
    "alignment": {"method": "tie", "max_rounds": 3, "hidden_share": 0.2},
    "linear_rank": 4,
}
TRANSFER: dict[str, Any] = {"protocol": "transfer", "transfer": {"rank": 3}}
POLICY = 'protocols = ["feddmf", "transfer"]\n\n[privacy]\nrequired = true\nlifetime_epsilon = 7\n'


def allow(federation: LiveFederation, *, override: bool = True) -> None:
    """Give all parties a policy that wants privacy, under a person who answers for few users."""
    for party in PARTIES:
        named = 'override_by = "Ann Example"\n' if override else ""
        (federation.folder(party) / "policy.toml").write_text(POLICY + named)


def records(federation: LiveFederation, party: str) -> list[dict[str, Any]]:
    """Return what is in a party's ledger."""
    return list(LedgerFile(federation.folder(party) / "ledger.jsonl").records())


@pytest.mark.parametrize("sections", [HISTORY, TRANSFER], ids=["feddmf", "transfer"])
def test_a_private_run_leaves_one_charge_and_one_release(tmp_path: Path, sections: dict[str, Any]) -> None:
    """The charge names who answers for few users; each contribution the release that it follows from."""

    async def main() -> None:
        async with live(tmp_path) as federation:
            allow(federation)
            run = federation.submit(quick_run(PARTIES, privacy=GRAM, waits=LONG, **sections))
            assert set((await federation.nodes(*PARTIES, within_s=180)).values()) == {None}
            assert federation.run(run).state is RunState.FINISHED
            for party in PARTIES:
                ledger = [each for each in records(federation, party) if each.get("run") == run]
                events = [each["event"] for each in ledger]
                assert (events[0], events[1], events[2]) == ("join", "charge", "private_release")
                assert set(events[3:]) == {"release"}
                charge, drawn = ledger[1:3]
                assert (charge["epsilon"], charge["delta"], charge["override_by"]) == (
                    4.0,
                    1e-5,
                    "Ann Example",
                )
                kept = federation.folder(party) / "privacy" / f"{run}.safetensors"
                assert drawn["sha256"] == hashlib.sha256(kept.read_bytes()).hexdigest()
                assert {each["post_processing_of"] for each in ledger[3:]} == {drawn["number"]}

    asyncio.run(main())


def test_runs_that_a_policy_does_not_bear_are_declined_with_the_reason(tmp_path: Path) -> None:
    """Without privacy, with too few users, and over the budget; no byte leaves, and nothing is charged."""

    async def declined(federation: LiveFederation, message: str, **sections: Any) -> None:
        run = federation.submit(quick_run(PARTIES, waits=LONG, **sections))
        error = (await federation.nodes("acme", within_s=180))["acme"]
        assert isinstance(error, PolicyError), error
        assert message in error.message
        stood = await federation.ended(run)
        assert stood.state is RunState.FAILED
        assert message in stood.reason
        assert all(
            each["event"] != "release" for each in records(federation, "acme") if each.get("run") == run
        )

    async def main() -> None:
        async with live(tmp_path) as federation:
            allow(federation, override=False)
            await declined(federation, "is not private for each user", **TRANSFER)
            await declined(federation, "fewer than 3000 users teach little", **TRANSFER, privacy=GRAM)
            allow(federation)
            federation.submit(quick_run(PARTIES, **TRANSFER, privacy=GRAM, waits=LONG))
            assert set((await federation.nodes(*PARTIES, within_s=180)).values()) == {None}
            charges = len([each for each in records(federation, "acme") if each["event"] == "charge"])
            assert charges == 1
            message = "over the 5 that this party has for life"
            policy = federation.folder("acme") / "policy.toml"
            policy.write_text(policy.read_text().replace("lifetime_epsilon = 7", "lifetime_epsilon = 5"))
            await declined(federation, message, **TRANSFER, privacy=GRAM)
            assert [each["event"] for each in records(federation, "acme")].count("charge") == 1

    asyncio.run(main())
