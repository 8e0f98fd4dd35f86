"""A party's backup: made while its node works, verified, restored into a new folder.

What a ledger held after the backup is gone once it is restored. The restored ledger says so in its next
record, and the coordinator, which was told more, lets the party go on only when the operator says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from feddmf.backup.archive import Manifest, archiving, restoring, unpack, verify
from feddmf.backup.moment import at_one_moment
from feddmf.ledger import RESTORED_EVENT
from feddmf_party.checkpoints import unfinished_runs
from feddmf_party.folder import PartyFolder
from feddmf_party.identity import IdentityFiles
from feddmf_party.ledger_file import LedgerFile

__all__ = ["KEPT", "SIDE", "Backup", "Restored", "back_up", "restore", "verified"]

SIDE = "party"
KEPT = (
    "party.toml",
    "policy.toml",
    "offer.toml",
    "catalogue",
    "identity",
    "tokens.json",
    "queries.jsonl",
    "forgotten.json",
    "matchings",
    "countersignatures.jsonl.torn",
    "countersignatures.jsonl",
    "runs",
    "ledger.key",
    # Behind whatever it must have recorded by then, and before the releases that it names.
    "ledger.jsonl.torn",
    "ledger.jsonl",
    "privacy",
)
"""What is in a backup of a party's folder, in the order in which it is held."""


@dataclass(frozen=True)
class Backup:
    """A backup that was made; left_out: what else lies in the folder and is not in it."""

    file: Path
    manifest: Manifest
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Restored:
    """A party that was restored; under_way: runs that it will try to go on with."""

    manifest: Manifest
    under_way: tuple[str, ...]


def back_up(folder: PartyFolder, file: Path) -> Backup:
    """Write a backup of a party to `file`; its node and its API may work meanwhile.

    Raises InputError where the file is there, LocalResourceError where the disk refuses.
    """
    folder.require()
    with archiving(file) as archive, at_one_moment(folder.path) as moment:
        for name in KEPT:
            moment.hold(name)
        moment.put_into(archive)
        manifest = archive.close(SIDE, _about(folder))
    return Backup(file, manifest, _left_out(folder, file))


def verified(file: Path) -> Manifest:
    """Return what a backup says of itself; InputError where it is not whole."""
    return verify(file, of=SIDE)


def restore(file: Path, folder: PartyFolder) -> Restored:
    """Put a backup into a new or empty folder, all of it or nothing, and record that in the ledger.

    Raises InputError where the backup does not hold, or the folder is not empty.
    """
    with restoring(folder.path):
        manifest = unpack(file, folder.path, of=SIDE)
        folder.require()
        made_at = manifest.made_at.isoformat()
        LedgerFile(folder.ledger).append({"event": RESTORED_EVENT, "backup_made_at": made_at})
    return Restored(manifest, tuple(unfinished_runs(folder.runs)))


def _about(folder: PartyFolder) -> dict[str, str]:
    files = IdentityFiles(folder.path)
    if not files.federation.exists():
        return {"party": "", "federation": ""}
    federation = files.load_federation()
    return {"party": federation.party, "federation": federation.federation}


def _left_out(folder: PartyFolder, file: Path) -> tuple[str, ...]:
    """Return the names in the folder that are neither in the backup nor made anew by themselves."""
    known = {*KEPT, folder.tables.name, file.name}
    found = (path.name for path in folder.path.iterdir())
    return tuple(
        sorted(
            name
            for name in found
            if name not in known and not name.startswith(".") and not name.endswith(".lock")
        )
    )
