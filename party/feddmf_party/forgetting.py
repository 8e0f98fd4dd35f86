"""Forgetting users: out of everything that is kept of them, and out of every later load."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from feddmf.backup.moment import remove_left_behind
from feddmf.errors import FedDMFError, InputError
from feddmf.files import explain_os_error
from feddmf.leaving import users_in, without_users
from feddmf.locks import only_one
from feddmf.progress import NOBODY, Progress
from feddmf_party.audiences.exports import ExportFiles, erase_exports
from feddmf_party.checkpoints import Checkpoints
from feddmf_party.data.forgotten import load_forgotten, save_forgotten
from feddmf_party.data.lookup import users_in_source
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.run_folder import RunFolder
from feddmf_party.score_table import drop_scores

__all__ = ["Erased", "forget_users"]

_DOING = {"lock": "running a node in", "api_lock": "serving the query API of"}


@dataclass(frozen=True)
class Erased:
    """What was done about users who are to be forgotten.

    new: how many were not forgotten before; runs: how many users were taken out of each run's model;
    given_up: runs under way, which cannot be gone on with; tables: how many kept tables were removed;
    exports: by audience, how many rows left the files of it that the query API had written;
    trained: runs that learned from any of the users; still_in: by source table, how many of them it still
    has, None where it could not be read; strange: users of whom nothing was found, and who were not forgotten
    before.
    """

    users: int
    new: int
    runs: Mapping[str, int]
    given_up: tuple[str, ...]
    tables: int
    exports: Mapping[str, int]
    trained: frozenset[str]
    still_in: Mapping[str, int | None]
    strange: tuple[str, ...]


def forget_users(home: PartyFolder, users: Sequence[str], progress: Progress = NOBODY) -> Erased:
    """Erase `users` from all that is kept in a party's folder, and list them so that no load has them again.

    Each file is replaced whole or not at all; whoever is killed in between runs it again. LocalResourceError
    where a node or the query API is at work in the folder. InputError for an empty id, or a damaged file.
    progress: hears how much of the source tables, which are looked through, has been read.
    """
    asked = tuple(dict.fromkeys(users))
    if "" in asked:
        raise InputError("an empty user id", hint="name users as the tables do")
    if not home.runs.is_dir():
        home.require()
    with contextlib.ExitStack() as locks:
        for name, doing in _DOING.items():
            locks.enter_context(only_one(getattr(home, name), doing=doing))
        remove_left_behind(home.path)
        return _forget(home, asked, progress)


def _forget(home: PartyFolder, users: tuple[str, ...], progress: Progress) -> Erased:
    before = load_forgotten(home.forgotten)
    folders = [RunFolder(path) for path in sorted(home.runs.glob("*")) if path.is_dir()]
    found = {folder.path.name: _known(folder, users) for folder in folders if folder.finished}
    runs_of = {user: [run for run, known in found.items() if user in known] for user in users}
    # The list comes first: from here on no load has them, whatever becomes of the rest.
    after = before.with_users(users, runs_of)
    new = len(after) - len(before)
    if after != before:
        save_forgotten(home.forgotten, after)
    trained = {user: after.runs[after.digest(user)] for user in users}
    tables = _remove_tables(home.tables)
    sources = _sources(home, users, progress)
    strange = tuple(
        user
        for user in users
        if not trained[user]
        and not before.knows(user)
        and not any(known is None or user in known for known in sources.values())
    )
    # Whoever has left the source already may be in the state of a run that began before.
    unfinished = [folder for folder in folders if _give_up(folder)]
    given_up = tuple(folder.path.name for folder in unfinished)
    for folder in folders:
        if found.get(folder.path.name):
            _erase(folder, found[folder.path.name])
    exports = erase_exports(ExportFiles(home.exports), users)
    taken = {run: len(known) for run, known in found.items() if known}
    if new or taken or given_up:
        LedgerFile(home.ledger).append({"event": "forget", "count": len(users), "runs": sorted(taken)})
    return Erased(
        users=len(users),
        new=new,
        runs=taken,
        given_up=given_up,
        tables=tables,
        exports=exports,
        trained=frozenset().union(*trained.values()),
        still_in={name: None if known is None else len(known) for name, known in sources.items()},
        strange=strange,
    )


def _sources(
    home: PartyFolder, users: Collection[str], progress: Progress
) -> dict[str, frozenset[str] | None]:
    """Return which of `users` each of the company's own tables has; None for one that cannot be read."""
    if not home.settings_file.is_file():
        return {}
    settings, found = home.settings(), dict[str, frozenset[str] | None]()
    for each in (settings.data, settings.attributes):
        if each is not None:
            try:
                found[each.source] = users_in_source(each, users, progress)
            except FedDMFError:
                found[each.source] = None
    return found


def _known(folder: RunFolder, users: Collection[str]) -> frozenset[str]:
    """Return those of `users` whom a finished run has among its own."""
    return frozenset(folder.load_user_ids().tolist()) & frozenset(users)


def _erase(folder: RunFolder, users: Collection[str]) -> None:
    """Take users out of a finished run: the model first, and last the ids, by which they are found."""
    drop_scores(folder)
    arrays, ids = folder.load_model(), folder.load_user_ids()
    gone = np.fromiter((user in users for user in ids), np.bool_, len(ids))
    kept = ids[~gone].tolist()
    if users_in(arrays) == len(ids):
        arrays = without_users(arrays, gone)
    elif users_in(arrays) != len(kept):
        raise InputError(
            f"{folder.path} has {len(ids)} users and {users_in(arrays)} user vectors",
            hint="a file was changed or is of another run; remove the folder, and take part in a run again",
        )
    _remove(folder.path.glob(".*.part"))
    folder.save_users(arrays, kept)


def _give_up(folder: RunFolder) -> bool:
    """Remove what is kept of a run that did not finish: its state is of all users, and cannot be cut."""
    checkpoints = Checkpoints(folder.path, every_s=0)
    was_under_way = checkpoints.exists and not folder.finished
    checkpoints.remove()
    if not folder.finished:
        folder.clear()
    return was_under_way


def _remove_tables(tables: Path) -> int:
    kept = list(tables.glob("*.safetensors"))
    _remove([*kept, *tables.glob("*.part"), *tables.glob(".*.part")])
    return len(kept)


def _remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        with explain_os_error(path):
            path.unlink(missing_ok=True)
