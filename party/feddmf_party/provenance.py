"""Where a run's answers come from, down to the records of the party's own ledger that let its part leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from feddmf.ledger import PUBLISHING
from feddmf_party.run_folder import RunFolder

__all__ = ["LedgerEntry", "Provenance", "provenance_of"]


@dataclass(frozen=True)
class LedgerEntry:
    """One record of the ledger: its number, when, what it let leave, the digest of that, and its own hash."""

    number: int
    at: str
    what: str
    bytes: int | None
    sha256: str | None
    hash: str


@dataclass(frozen=True)
class Provenance:
    """What one run rests on.

    catalogue: the digest of the accepted catalogue; peers: who published in it; joined, published: the
    ledger's records of joining, and of this party's own vectors leaving; None where the ledger has none.
    sent: how often something left in the run, sent_bytes: how much that was.
    """

    run: str
    finished_at: str
    protocol: str
    purpose: str
    catalogue_version: int | None
    catalogue: str | None
    peers: tuple[str, ...]
    joined: LedgerEntry | None
    published: LedgerEntry | None
    sent: int
    sent_bytes: int

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return asdict(self)


def provenance_of(folder: RunFolder, records: Iterable[Mapping[str, Any]]) -> Provenance:
    """Return what a finished run rests on; records: of the party's ledger. InputError for a damaged run."""
    summary, run = folder.summary(), folder.path.name
    mine = [each for each in records if each.get("run") == run]
    releases = [each for each in mine if each.get("event") == "release"]
    settings = summary.get("plan", {}).get("settings", {})
    version = summary.get("catalogue_version")
    return Provenance(
        run=run,
        finished_at=str(summary["finished_at"]),
        protocol=folder.protocol(),
        purpose=str(settings.get("purpose", "")),
        catalogue_version=version if isinstance(version, int) else None,
        catalogue=summary.get("plan", {}).get("catalogue"),
        peers=tuple(sorted(path.stem for path in (folder.path / "peers").glob("*.json"))),
        joined=_last(each for each in mine if each.get("event") == "join"),
        published=_last(each for each in releases if each.get("phase") == PUBLISHING),
        sent=len(releases),
        sent_bytes=sum(each["bytes"] for each in releases if isinstance(each.get("bytes"), int)),
    )


def _last(records: Iterable[Mapping[str, Any]]) -> LedgerEntry | None:
    found = list(records)
    if not found:
        return None
    record = found[-1]
    arrays = record.get("arrays")
    shapes = [each.get("shape") for each in arrays if isinstance(each, Mapping)] if arrays else []
    rows = max((shape[0] for shape in shapes if isinstance(shape, list) and shape), default=None)
    what = "joined the run" if record.get("event") == "join" else f"vectors of {rows} items and attributes"
    return LedgerEntry(
        number=int(record["number"]),
        at=str(record.get("at", "")),
        what=what,
        bytes=record.get("bytes"),
        sha256=record.get("sha256"),
        hash=str(record["hash"]),
    )
