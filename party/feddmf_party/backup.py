"""A party's backup: made while its node works, verified, restored into a new folder.

What a ledger held after the backup is gone once it is restored. The restored ledger says so in its next
record, and the coordinator, which was told more, lets the party go on only when the operator says so.
"""

from __future__ import annotations

from pathlib import Path

from feddmf.backup.archive import Manifest, archiving, restoring, unpack, verify
from feddmf.backup.moment import at_one_moment
from feddmf.backup.outcome import Backup, Restored, left_out
from feddmf.ledger import RESTORED_EVENT
from feddmf.progress import NOBODY, Progress
from feddmf_party.checkpoints import unfinished_runs
from feddmf_party.folder import PartyFolder
from feddmf_party.identity import IdentityFiles
from feddmf_party.ledger_file import LedgerFile

__all__ = ["KEPT", "SIDE", "back_up", "restore", "verified"]

SIDE = "party"
KEPT = (
    "party.toml",
    "policy.toml",
    "offer.toml",
    "catalogue",
    "identity",
    "tokens.json",
    "queries.jsonl",
    "ended.jsonl",
    "forgotten.json",
    "audiences",
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


def back_up(folder: PartyFolder, file: Path, progress: Progress = NOBODY) -> Backup:
    """Write a backup of a party to `file`; its node and its API may work meanwhile.

    Raises InputError where the file is there, LocalResourceError where the disk refuses.
    """
    folder.require()
    with archiving(file) as archive, at_one_moment(folder.path) as moment:
        for name in KEPT:
            moment.hold(name)
        moment.put_into(archive, progress)
        manifest = archive.close(SIDE, _about(folder))
    # Both are made anew, and what is exported goes within days anyway.
    passing = {folder.tables.name, folder.exports.name}
    return Backup(file, manifest, left_out(folder.path, {*KEPT, *passing, file.name}))


def verified(file: Path, progress: Progress = NOBODY) -> Manifest:
    """Return what a backup says of itself; InputError where it is not whole."""
    return verify(file, of=SIDE, progress=progress)


def restore(file: Path, folder: PartyFolder, progress: Progress = NOBODY) -> Restored:
    """Put a backup into a new or empty folder, all of it or nothing, and record that in the ledger.

    Raises InputError where the backup does not hold, or the folder is not empty.
    """
    with restoring(folder.path):
        manifest = unpack(file, folder.path, of=SIDE, progress=progress)
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
