"""Every protocol over mutual TLS, among three parties of unequal sizes whose catalogues overlap in parts."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feddmf.catalogue.table import Catalogue
from feddmf.errors import InputError, PolicyError
from feddmf.files import write_text
from feddmf.interactions import Interactions
from feddmf.plan import PartyItems, Plan, matched_rows
from feddmf.protocols.registry import exchanges
from feddmf.runfile import RunSettings
from feddmf_coordinator.store.runs import RunState
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.simulating import simulate_folders
from support.cli import Cli
from support.federation import LiveFederation, live, quick_run
from support.runs import SmallRun, run_settings, taste_table

PARTIES = ("acme", "bolt", "cargo")
USERS = {"acme": 30, "bolt": 14, "cargo": 6}
ALLOWED = """\
protocols = ["fedavg", "fcf", "transfer"]
release_kinds = [
  "attribute_vector", "loss_scalar", "item_vectors", "shared_layers", "item_gradient", "gram",
  "context_vectors", "public_key", "masked_sum", "quality_scalar",
]
min_support = 3
"""
# Ranks are above what so few users and items carry.
PROTOCOLS: dict[str, dict[str, Any]] = {
    "fedavg": {"protocol": "fedavg"},
    "fedavg, masked": {"protocol": "fedavg", "masks": True, "fedavg": {"weighting": "samples"}},
    "fcf": {"protocol": "fcf", "fcf": {"rank": 40, "rounds": 4}},
    "fcf, masked": {"protocol": "fcf", "masks": True, "fcf": {"rank": 6, "rounds": 4}},
    "transfer": {"protocol": "transfer", "transfer": {"rank": 100, "ridge": 5, "min_support": 3}},
}


def overlapping(users: dict[str, int] = USERS, *, alone: bool = False) -> SmallRun:
    """Return parties of which bolt shares items with acme and others with cargo, who share nothing.

    Nobody at acme has `a00`, which bolt sells too, nor acme's own `acme-00`. With `alone`, cargo shares
    nothing with bolt either.
    """
    owners = {f"a{number:02}": ("acme", "bolt") for number in range(8)}
    owners |= {f"c{number:02}": ("cargo",) if alone else ("bolt", "cargo") for number in range(5)}
    owners |= {f"{party}-{number:02}": (party,) for party in PARTIES for number in range(3)}
    columns = {p: {key: f"{p}:{key}" for key, sold in owners.items() if p in sold} for p in PARTIES}
    catalogue = Catalogue(version=1, labels={key: key.upper() for key in owners}, columns=columns)
    plan = Plan(run="r-1", catalogue=catalogue.digest(), settings=run_settings(PARTIES))
    items = {party: PartyItems(plan, catalogue.view(party)) for party in PARTIES}
    random = np.random.default_rng(2)
    tables = {p: taste_table(items[p].view.keys, users[p], 4, random) for p in PARTIES}
    tables["acme"] = without(tables["acme"], items["acme"].codes(("a00", "acme-00")))
    sharing = Plan(run="r-1", catalogue=plan.catalogue, settings=run_settings(PARTIES[:2]))
    return SmallRun(catalogue, plan, matched_rows(catalogue, sharing), items, tables)


def without(table: Interactions, items: np.ndarray) -> Interactions:
    """Return a table in which nobody has some items."""
    kept = ~np.isin(table.indices, items)
    shape = (table.users, table.items)
    return Interactions.from_pairs(table.rows()[kept], table.indices[kept], shape=shape)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run commands in this process."""
    return Cli(capsys)


def allow(federation: LiveFederation, text: str = ALLOWED, parties: tuple[str, ...] = PARTIES) -> None:
    """Let parties take part in every protocol."""
    for party in parties:
        write_text(federation.folder(party) / "policy.toml", text)


def kept(folder: Path) -> dict[str, bytes]:
    """Return all that a party keeps of a run but its course, its end, and until when it may be used."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in {"run.json", "rounds.jsonl", "until.json"}
    }


@pytest.mark.parametrize("name", PROTOCOLS)
def test_parties_that_overlap_in_parts_finish_and_predict(tmp_path: Path, name: str, cli: Cli) -> None:
    """Publications arrive, ledgers hold every release, queries answer; bytes are those of a simulation."""
    small, settings = overlapping(), quick_run(PARTIES, **PROTOCOLS[name])
    transfer = settings.protocol == "transfer"

    async def served() -> str:
        async with live(tmp_path, small) as federation:
            allow(federation)
            run = federation.submit(settings)
            assert await federation.nodes(*PARTIES) == dict.fromkeys(PARTIES)
            assert federation.run(run).state is RunState.FINISHED
            assert len(federation.rounds(run)) == exchanges(federation.run(run).plan)
            for party, (publication, payload) in federation.published(run).items():
                assert [key for key, _ in publication.items] == list(small.items[party].exclusive)
                assert len(payload["vectors"]) == 3
            return run

    run = asyncio.run(served())
    folders = {party: tmp_path / party for party in PARTIES}
    simulated = simulate_folders(settings, small.catalogue, folders, tmp_path / "out")
    for party, folder in folders.items():
        assert kept(folder / "runs" / run) == kept(simulated[party].path)
        released = [
            each for each in LedgerFile(folder / "ledger.jsonl").records() if each["event"] == "release"
        ]
        assert len(released) == 1 + exchanges(Plan(run=run, catalogue="", settings=settings))
        assert cli.data("party", "status", "--folder", folder)["ledger_records"] == 3 + len(released)
        # acme and cargo share nothing: a transfer between them says nothing.
        known = {"acme": {"bolt"}, "cargo": {"bolt"}}.get(party, set(PARTIES)) if transfer else set(PARTIES)
        listed = cli.data("attributes", "list", "--folder", folder)["attributes"]
        assert {each["owner"] for each in listed} == known - {party}
        asked = [f"--attribute={each['key']}" for each in listed]
        found = cli.data("query", "predict", *asked, "--folder", folder)["predictions"]
        assert len(found) == USERS[party] * 3 * len(known - {party})
        score = "probability" if settings.protocol == "fedavg" else "score"
        assert all(0 <= each[score] <= 1 for each in found)
    if transfer:
        assert "this party shared no item with cargo" in cli.fails(
            4, "query", "audience", "--attribute=cargo-00", "--folder", folders["acme"]
        )


def test_a_rank_above_what_the_data_carries_is_said(tmp_path: Path) -> None:
    """To the party's own people: acme offers three items, of which nobody has one; bolt one that two have."""

    async def main() -> None:
        async with live(tmp_path, overlapping()) as federation:
            allow(federation)
            run = federation.submit(quick_run(PARTIES, **PROTOCOLS["transfer"]))
            assert await federation.nodes(*PARTIES) == dict.fromkeys(PARTIES)
            ranks, below = {}, {}
            for party in PARTIES:
                rounds = federation.folder(party) / "runs" / run / "rounds.jsonl"
                figures = json.loads(rounds.read_text().splitlines()[-1])["figures"]
                ranks[party], below[party] = figures["rank"], figures["below_support"]
            assert ranks == {"acme": 2, "bolt": 2, "cargo": 3}
            assert below == {"acme": 1, "bolt": 1, "cargo": 0}

    asyncio.run(main())


DECLINES: dict[str, tuple[dict[str, Any], str, str]] = {
    "a protocol": (
        {"protocol": "transfer"},
        "",
        "uses protocol transfer",
    ),
    "masked sums": (
        {"protocol": "fedavg", "masks": True},
        ALLOWED.replace('"public_key", "masked_sum",', ""),
        "asks for public_key (public_key) and masked_sum (vectors) and masked_sum (layers)",
    ),
    "too little support": (
        {"protocol": "fcf", "fcf": {"min_support": 2}},
        ALLOWED,
        "lets 2 users stand behind an item, under 3",
    ),
}


@pytest.mark.parametrize("name", DECLINES)
def test_a_policy_declines_and_the_operator_reads_why(tmp_path: Path, name: str) -> None:
    """The run fails with the party's reason, and the party is told what would allow it."""
    sections, policy, reason = DECLINES[name]

    async def main() -> None:
        async with live(tmp_path, overlapping()) as federation:
            allow(federation, policy, ("cargo",))
            run = federation.submit(quick_run(PARTIES, **sections))
            declined = await federation.node("cargo")
            assert isinstance(declined, PolicyError)
            assert "allow it in policy.toml: " in declined.hint
            ended = await federation.ended(run)
            assert ended.state is RunState.FAILED
            assert ended.reason.startswith(f"cargo declines the run: run {run} {reason}")

    asyncio.run(main())


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_party_with_one_user(tmp_path: Path, name: str) -> None:
    """What it sent would be that user's: it declines and says why, at home alone."""
    small = overlapping({**USERS, "cargo": 1})
    settings = quick_run(PARTIES, **PROTOCOLS[name])

    async def main() -> None:
        async with live(tmp_path, small) as federation:
            allow(federation)
            run = federation.submit(settings)
            error = await federation.node("cargo")
            assert isinstance(error, InputError)
            assert "cargo has 1 users with an item of the catalogue" in error.message
            assert "more users" in error.hint
            ended = await federation.ended(run)
            assert ended.state is RunState.FAILED
            assert ended.reason is not None
            assert ended.reason.startswith("cargo declines the run")
            assert "1 users" not in ended.reason

    asyncio.run(main())


@pytest.mark.parametrize("protocol", ["feddmf", "fedavg", "fcf", "transfer"])
def test_a_party_that_shares_nothing_with_anybody_ends_the_run(tmp_path: Path, protocol: str) -> None:
    """Before anybody trains, with its name and what to do."""
    settings: RunSettings = quick_run(PARTIES, protocol=protocol)

    async def main() -> None:
        async with live(tmp_path, overlapping(alone=True)) as federation:
            run = federation.submit(settings)
            ended = await federation.ended(run)
            assert ended.state is RunState.FAILED
            assert "cargo sells no item that another party" in ended.reason
            assert "shares items with others" in ended.hint

    asyncio.run(main())
