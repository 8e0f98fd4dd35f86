"""Taking back what was published: this party's own, and what peers take back, which is kept and obeyed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from feddmf.errors import ConnectError, FedDMFError, InputError, Refused
from feddmf.ledger import PUBLISHING
from feddmf_party.audiences.exports import ExportFiles
from feddmf_party.audiences.saved import AudienceStore
from feddmf_party.audiences.taken_back import remove_taken_back
from feddmf_party.egress import clear_withdrawal
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.near import nearest
from feddmf_party.run_folder import RunFolder
from feddmf_party.score_table import drop_earlier_scores
from feddmf_party.terms import Withdrawal, keep_withdrawals, load_terms

if TYPE_CHECKING:
    from feddmf_party.client.federation import FederationClient

__all__ = [
    "check_published",
    "finished_runs",
    "keep_informed",
    "learn_of_withdrawals",
    "take_back",
    "take_in",
]

log = logging.getLogger(__name__)

_ASK_S = 60.0
_KEYS_AT_ONCE = 2_000
_LONGEST_REASON = 500


def check_published(ledger: LedgerFile, runs: Path, run: str, keys: Iterable[str]) -> None:
    """Raise InputError for a run after which the party published nothing, and for the first of other `keys`.

    Nothing is recorded then: a slip must not stay in the ledger. Where nothing of the run is kept here, only
    the coordinator can tell of keys.
    """
    published = {str(each["run"]) for each in ledger.records() if each.get("phase") == PUBLISHING}
    if run not in published:
        near = nearest(run, sorted(published))
        raise InputError(
            f"this party's ledger has no publication after a run {run!r}",
            hint=f"did you mean {near!r}?" if near else "see which there are: feddmf audit show",
        )
    folder = RunFolder(runs / run)
    if Path(run).name != run or not folder.finished:
        return
    own = folder.load_items().keys
    for key in keys:
        if key not in own:
            near = nearest(key, own)
            raise InputError(
                f"{key!r} is none of this party's items in run {run}",
                hint=f"did you mean {near!r}?" if near else "its offer of that time names what it published",
            )


async def take_back(
    client: FederationClient, ledger: LedgerFile, run: str, keys: Sequence[str], *, reason: str
) -> None:
    """Take back what this party published of `keys` after `run`, all for none: in the ledger, then there.

    InputError where the reason is empty or overlong.
    """
    if not reason.strip() or len(reason) > _LONGEST_REASON:
        raise InputError(
            f"a reason of {len(reason)} characters", hint=f"say why, in at most {_LONGEST_REASON}"
        )
    for start in range(0, max(len(keys), 1), _KEYS_AT_ONCE):
        part = keys[start : start + _KEYS_AT_ONCE]
        await client.withdraw(clear_withdrawal(ledger, run, part, reason=reason.strip()))


async def keep_informed(client: FederationClient, runs: Path, *, every_s: float = _ASK_S) -> None:
    """Learn of withdrawals now, and every so often until cancelled. Raises ConnectError and Refused alone."""
    while True:
        try:
            await learn_of_withdrawals(client, runs)
        except (ConnectError, Refused):
            raise
        except FedDMFError as error:
            log.warning("what peers withdrew is not known: %s; %s", error.message, error.hint)
        await asyncio.sleep(every_s)


async def learn_of_withdrawals(client: FederationClient, runs: Path) -> tuple[Withdrawal, ...]:
    """Ask what peers took back of the finished runs under `runs`, and take it in; return what is new."""
    finished = await asyncio.to_thread(finished_runs, runs)
    if not finished:
        return ()
    found = await client.withdrawals()
    return await asyncio.to_thread(take_in, finished, found)


def finished_runs(runs: Path) -> list[RunFolder]:
    """Return the folders under `runs` of runs that were kept whole, by name."""
    return [folder for path in sorted(runs.glob("*")) if (folder := RunFolder(path)).finished]


def take_in(folders: Iterable[RunFolder], withdrawals: Iterable[Withdrawal]) -> tuple[Withdrawal, ...]:
    """Keep withdrawals beside their runs and do away with the vectors; return those that are new.

    What was made of the vectors goes with them: kept scores, and the query API's files of audiences.
    A run that cannot be read is left as it is, and the others go on.
    """
    listed, new = tuple(withdrawals), list[Withdrawal]()
    for folder in folders:
        own = {each for each in listed if each.run == folder.path.name}
        if not own:
            continue
        try:
            new += _take_in(folder, own)
        except FedDMFError as error:
            log.warning("a withdrawal could not be taken in: %s; %s", error.message, error.hint)
    return tuple(new)


def _take_in(folder: RunFolder, withdrawals: set[Withdrawal]) -> list[Withdrawal]:
    before = set(load_terms(folder.path).withdrawals)
    new = sorted(withdrawals - before)
    if new:
        # First of all nothing may be scored by them any more.
        keep_withdrawals(folder.path, sorted(before | withdrawals))
    # The rest also where it is not new: whoever took it in may have been ended in between.
    drop_earlier_scores(folder)
    for party in sorted({each.party for each in withdrawals}):
        own = [each for each in withdrawals if each.party == party]
        everything = any(not each.keys for each in own)
        folder.blank_peer(party, None if everything else {key for each in own for key in each.keys})
    home = PartyFolder(folder.path.parent.parent)
    files = remove_taken_back(
        ExportFiles(home.exports), AudienceStore(home.audiences), folder, before | withdrawals
    )
    if files:
        log.warning("run %s: %d files of audiences made of it are removed", folder.path.name, files)
    for each in new:
        what = f"{len(each.keys)} of its attributes" if each.keys else "all of its attributes"
        log.warning("run %s: %s; it is %s", folder.path.name, each.why, what)
    return new
