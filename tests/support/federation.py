"""A whole federation on loopback: certificates, catalogue, tables, and the coordinator in this event loop."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from feddmf.catalogue.view import encode_view
from feddmf.errors import FedDMFError
from feddmf.files import write_text
from feddmf.payload import Payload
from feddmf.runfile import RunSettings
from feddmf_coordinator.server.serve import serve
from feddmf_coordinator.store.catalogues import accept, add_catalogue, find_catalogue
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.publications import Publication, VectorShelf, list_publications
from feddmf_coordinator.store.runs import Run, add_run, ask_to_stop, find_run, list_rounds
from feddmf_party.catalogue import AcceptedViews, FetchedView
from feddmf_party.folder import PartyFolder
from feddmf_party.node import Node, NodeEvents
from feddmf_party.offer import write_offer
from feddmf_party.run_folder import RunFolder
from support.authority import EnrolledFederation, make_federation
from support.enrolment import until
from support.runs import SmallRun, run_settings, small_run

__all__ = [
    "NODE",
    "WAITS",
    "LiveFederation",
    "Watch",
    "bytes_kept",
    "catalogue_csv",
    "founded",
    "live",
    "quick_run",
    "served",
    "submit",
]

# Quick enough for a test, and long enough for two busy cores; a round may wait for a loop to be compiled.
NODE = {"beat_s": 0.1, "call_s": 10, "reconnect_s": 5}
WAITS = {"join_s": 20, "round_s": 120, "absent_s": 10, "publish_s": 20}


def bytes_kept(folder: RunFolder) -> dict[str, bytes]:
    """Return everything that a party keeps of a run: model, users, and what each peer published."""
    kept = {name: array.tobytes() for name, array in folder.load_model().items()}
    kept["users"] = json.dumps(folder.load_user_ids().tolist()).encode()
    for peer in folder.load_peers():
        kept[f"{peer.party} items"] = json.dumps([peer.keys, peer.labels]).encode()
        kept[f"{peer.party} vectors"] = peer.vectors.tobytes()
    return kept


def quick_run(parties: tuple[str, ...], **sections: Any) -> RunSettings:
    """Return the settings of a run that is over in a moment; `sections` are those of a run file."""
    quick: dict[str, Any] = {
        "model": {"embedding_dim": 8, "hidden_dim": 8},
        "training": {"epochs": 3, "batch_size": 256},
        "alignment": {"syncs_per_epoch": 4, "probe_share": 0.1},
        "enforcement": {"probe_floor": -1, "not_following": "report"},
        "waits": WAITS,
    }
    for name, section in sections.items():
        quick[name] = {**quick[name], **section} if isinstance(quick.get(name), dict) else section
    return run_settings(parties, **quick)


def catalogue_csv(run: SmallRun) -> str:
    """Return the run's catalogue as an operator would publish it."""
    columns = run.catalogue.columns
    header = ["key", "label", *(f"local_id:{party}" for party in columns)]
    rows = [
        [key, label, *(column.get(key, "") for column in columns.values())]
        for key, label in run.catalogue.labels.items()
    ]
    return "\n".join(",".join(row) for row in [header, *rows]) + "\n"


def equip(folder: Path, run: SmallRun, party: str, *, node: Mapping[str, float] = NODE) -> None:
    """Give a party's folder its settings, its table and its offer of all that it alone sells."""
    table, items = run.tables[party], run.items[party]
    local_ids = [item.local_id for item in items.view.items]
    with (folder / "interactions.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("user", "item"))
        pairs = zip(table.rows().tolist(), table.indices.tolist(), strict=True)
        writer.writerows((f"u{user:03}", local_ids[item]) for user, item in pairs)
    settings = "".join(f"{name} = {value}\n" for name, value in node.items())
    write_text(folder / "party.toml", f'[data]\npath = "interactions.csv"\n\n[node]\n{settings}')
    write_offer(folder / "offer.toml", items.exclusive)


def rounds_of(enrolled: EnrolledFederation, run: str) -> tuple[dict[str, Any], ...]:
    """Return the figures of a run's rounds."""
    with enrolled.open_database() as database, database.read() as connection:
        return list_rounds(connection, run)


@dataclass(frozen=True)
class LiveFederation:
    """A federation whose parties have data, and have accepted catalogue version 1."""

    enrolled: EnrolledFederation
    small: SmallRun
    database: Database

    def folder(self, party: str) -> Path:
        """Return a party's folder."""
        return self.enrolled.parties[party]

    def submit(self, settings: RunSettings) -> str:
        """Submit a run; return its id."""
        return submit(self.enrolled, settings)

    def stop(self, run: str) -> None:
        """Ask for the end of a run."""
        with self.database.begin() as connection:
            ask_to_stop(connection, run)

    def run(self, run: str) -> Run:
        """Return how a run stands."""
        with self.database.read() as connection:
            return find_run(connection, run)

    def rounds(self, run: str) -> tuple[dict[str, Any], ...]:
        """Return the figures of a run's rounds."""
        with self.database.read() as connection:
            return list_rounds(connection, run)

    def published(self, run: str) -> dict[str, tuple[Publication, Payload]]:
        """Return what lies on the coordinator's shelf after a run, by party."""
        with self.database.read() as connection:
            found = list_publications(connection, run)
        shelf = VectorShelf(self.enrolled.folder.path / "vectors")
        return {each.party: (each, shelf.get(each)) for each in found}

    async def ended(self, run: str, *, within_s: float = 20.0) -> Run:
        """Wait for the end of a run."""
        await until(lambda: self.run(run).state.ended, within_s=within_s)
        return self.run(run)

    async def nodes(self, *parties: str, within_s: float = 60.0) -> dict[str, FedDMFError | None]:
        """Run a node a party until its run has ended; return what each ended with."""
        async with asyncio.timeout(within_s):
            results = await asyncio.gather(*(self.node(party) for party in parties))
        return dict(zip(parties, results, strict=True))

    async def nodes_after(self, first: str, then: str) -> tuple[FedDMFError | None, FedDMFError | None]:
        """Run a node of `first`, and of `then` once the first has joined; return what each ended with."""
        watch = Watch()
        async with asyncio.timeout(60):
            waiting = asyncio.create_task(self.node(first, watch))
            await until(lambda: watch.count("joined"))
            later = await self.node(then)
            return await waiting, later

    async def node(self, party: str, watch: Watch | None = None, *, once: bool = True) -> FedDMFError | None:
        """Run one party's node, for one run or until it is cancelled; return what it ended with."""
        node = Node(PartyFolder(self.folder(party)), watch.events() if watch else NodeEvents())
        try:
            await node.work(once=once, wait_s=30)
        except FedDMFError as error:
            return error
        return None


@dataclass
class Watch:
    """Keeps what a node tells its people."""

    told: list[tuple[str, Any]] = field(default_factory=list)

    def events(self) -> NodeEvents:
        """Return events that are kept."""
        # That the coordinator was reached comes with every call, and at any time.
        names = NodeEvents.__dataclass_fields__.keys() - {"reached"}
        return NodeEvents(**{name: self._keeper(name) for name in names})

    def count(self, name: str) -> int:
        """Return how often `name` was told."""
        return sum(told == name for told, _ in self.told)

    def _keeper(self, name: str) -> Any:
        return lambda *what: self.told.append((name, what))


def submit(enrolled: EnrolledFederation, settings: RunSettings) -> str:
    """Submit a run on catalogue version 1; return its id."""
    now = datetime.now(UTC)
    with enrolled.open_database() as database, database.begin() as connection:
        digest = find_catalogue(connection, 1).digest()
        return add_run(connection, settings, version=1, digest=digest, now=now)


def founded(
    path: Path, small: SmallRun, *, node: Mapping[str, float] = NODE, now: datetime | None = None
) -> EnrolledFederation:
    """Make a federation of the parties of `small`, with their data; all have accepted its catalogue."""
    parties = small.plan.roster
    enrolled = make_federation(path, parties, now=now)
    with enrolled.open_database() as database, database.begin() as connection:
        text = catalogue_csv(small)
        published = add_catalogue(connection, text, where="catalogue.csv", now=datetime.now(UTC))
        assert published.digest() == small.catalogue.digest()
        for party in parties:
            proof = published.proof(party).model_dump_json().encode()
            document = proof + b"\n" + encode_view(published.view(party))
            home = enrolled.parties[party]
            AcceptedViews(home / "catalogue", party).put(FetchedView.parse(document, party=party))
            accept(connection, 1, party, published.digest(), now=datetime.now(UTC))
            equip(home, small, party, node=node)
    return enrolled


@contextlib.asynccontextmanager
async def live(
    path: Path, small: SmallRun | None = None, *, now: datetime | None = None, **node: float
) -> AsyncIterator[LiveFederation]:
    """Found a federation (of two parties, unless `small` has others), dated `now`, and serve it."""
    small = small or small_run(2)
    enrolled = founded(path, small, node={**NODE, **node}, now=now)
    async with served(enrolled, small) as federation:
        yield federation


@contextlib.asynccontextmanager
async def served(enrolled: EnrolledFederation, small: SmallRun) -> AsyncIterator[LiveFederation]:
    """Serve a federation for a block, with all that the product's own process serves."""
    stop, ready = asyncio.Event(), asyncio.Event()
    serving = asyncio.create_task(serve(enrolled.folder, stop, ready=ready.set))
    with enrolled.open_database() as database:
        try:
            await until(lambda: ready.is_set() or serving.done())
            if serving.done():
                serving.result()
            yield LiveFederation(enrolled, small, database)
        finally:
            stop.set()
            async with asyncio.timeout(10):
                await serving
