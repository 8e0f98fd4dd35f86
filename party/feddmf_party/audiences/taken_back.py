"""Files of audiences that were made of what a peer has taken back since: removed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from feddmf.errors import InputError
from feddmf_party.audiences.exports import ExportFiles
from feddmf_party.audiences.saved import AudienceStore
from feddmf_party.run_folder import RunFolder
from feddmf_party.terms import Withdrawal

__all__ = ["remove_taken_back"]

_WITHDRAWN = "withdrawn.json"
# A file's time may be behind the clock's by as much as the system counts in.
_GRAIN = timedelta(seconds=1)


def remove_taken_back(
    files: ExportFiles, audiences: AudienceStore, run: RunFolder, withdrawals: Iterable[Withdrawal]
) -> int:
    """Remove the exports by a run that may have been made of what was withdrawn; return how many.

    These are the ones that were asked for before the withdrawals were kept beside the run: later ones are
    made of other owners' vectors. Whoever writes one of them ends. An export of an audience that nobody knows
    any more goes as well.
    """
    taken, known = _taken(run, withdrawals), _known_at(run)
    found = [each for each in files.all() if each.run == run.path.name and each.asked_at <= known]
    gone = [each for each in found if _is_made_of(audiences, each.audience, taken)]
    for export in gone:
        files.remove(export)
    return len(gone)


def _known_at(run: RunFolder) -> datetime:
    """Return when withdrawals were last kept beside a run, at the latest."""
    return datetime.fromtimestamp((run.path / _WITHDRAWN).stat().st_mtime, UTC) + _GRAIN


def _taken(run: RunFolder, withdrawals: Iterable[Withdrawal]) -> dict[str, set[str]]:
    """Return the keys that each party has taken back."""
    published = {peer.party: peer.keys for peer in run.load_peers()}
    taken: dict[str, set[str]] = {}
    for each in withdrawals:
        taken.setdefault(each.party, set()).update(each.keys or published.get(each.party, ()))
    return taken


def _is_made_of(audiences: AudienceStore, name: str, taken: dict[str, set[str]]) -> bool:
    try:
        audience = audiences.find(name)
    except InputError:
        return True
    owners = taken if audience.owner is None else {audience.owner} & taken.keys()
    return any(not taken[owner].isdisjoint(audience.criteria.keys) for owner in owners)
