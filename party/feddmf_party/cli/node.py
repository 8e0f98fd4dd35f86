"""What a person sees of a running node: one line when something happens, live progress while it trains."""

from __future__ import annotations

import asyncio

import numpy as np

from feddmf.cli.notices import say_notices
from feddmf.cli.output import describe, say
from feddmf.cli.progress import LiveProgress, RoundProgress
from feddmf.errors import FedDMFError
from feddmf.plan import PartyItems, StageRows
from feddmf.ranks import Ranks
from feddmf.telemetry.about import note
from feddmf.telemetry.listening import exposed
from feddmf.telemetry.traces import traces_of
from feddmf_party.folder import PartyFolder
from feddmf_party.identity import load_identity
from feddmf_party.node import Node, NodeEvents, work_until_signal
from feddmf_party.participation import Participation, RoundFigures
from feddmf_party.run_folder import RunFolder
from feddmf_party.telemetry.readings import looks
from feddmf_party.telemetry.watching import Watching, both

__all__ = ["run_node"]


class _Reporter:
    """Turns the node's events into lines on stderr."""

    def __init__(self, *, once: bool) -> None:
        # What ends the one run ends the command too, which says it last.
        self._says_failures = not once
        self._progress: LiveProgress | RoundProgress | None = None

    def events(self) -> NodeEvents:
        return NodeEvents(
            connected=lambda federation, address: say(f"connected to federation {federation} at {address}"),
            loading=self._loading,
            joined=self._joined,
            resumed=lambda run: say(f"goes on with run {run}, which an earlier process of this node was in"),
            declined=self._declined,
            round_done=self._round_done,
            finished=self._finished,
            failed=self._failed,
        )

    def _loading(self, done: int, total: int | None, what: str) -> None:
        if not isinstance(self._progress, LiveProgress):
            self.close()
            self._progress = LiveProgress()
        self._progress.show(done, total, what)

    def _joined(self, part: Participation) -> None:
        self.close()
        table = part.table
        say(
            f"joins run {part.plan.run}: {table.interactions.users} users, {table.interactions.pairs} pairs, "
            f"{len(part.items.aligned)} aligned items, {len(part.offered)} offered"
        )
        say_notices(part.plan, _own_rows(part.items))
        for notice in part.notices:
            say(f"note: {notice}")
        self._progress = RoundProgress(sum(phase.rounds for phase in part.phases))
        self._progress.__enter__()

    def _round_done(self, round_: RoundFigures) -> None:
        if isinstance(self._progress, RoundProgress):
            self._progress.add(round_.figures, round_.bytes_sent, done=round_.number)

    def _finished(self, kept: RunFolder) -> None:
        self.close()
        say(f"run {kept.path.name} is finished; ask it: feddmf query audience --attribute KEY --top 20")

    def _declined(self, run: str, error: FedDMFError) -> None:
        self._end(f"declines run {run}", error)

    def _failed(self, run: str, error: FedDMFError) -> None:
        self._end(f"run {run} failed", error)

    def _end(self, what: str, error: FedDMFError) -> None:
        self.close()
        say("\n".join(describe(what, error)) if self._says_failures else what)

    def close(self) -> None:
        if self._progress is not None:
            self._progress.__exit__()
            self._progress = None


def _own_rows(items: PartyItems) -> StageRows:
    """Return who shares which of a party's own items, which is all that it knows of who shares what."""
    peers = (party for party in items.plan.roster if party != items.view.party)
    sold = {peer: items.shared_rows(peer) for peer in peers}
    sold[items.view.party] = np.arange(len(items.matched))
    return StageRows(len(items.matched), 0, sold, {})


def run_node(folder: PartyFolder, ranks: Ranks | None, *, once: bool, wait_s: float | None) -> None:
    """Run the node until a signal, or with `once` until one run has ended; show its figures meanwhile."""
    party, settings = load_identity(folder.path).party, folder.settings()
    reporter, traces = _Reporter(once=once), traces_of("party", party)
    watching = Watching(party, traces)
    for look in looks(folder):
        watching.meters.look(look)
    node = Node(folder, both(reporter.events(), watching.events()), ranks)

    async def main() -> bool:
        note(party=party)
        async with exposed(settings.metrics, watching.meters, {"folder": folder.require}):
            return await work_until_signal(node, once=once, wait_s=wait_s)

    try:
        if asyncio.run(main()):
            say("stopped")
    finally:
        reporter.close()
        traces.close()
