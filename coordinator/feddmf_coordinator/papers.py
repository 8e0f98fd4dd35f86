"""What a coordinator's folder shows to an audit: all of its ledger, or what one party may see of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from feddmf.audit.papers import LEDGER, Papers, file_lines
from feddmf.files import read_bytes
from feddmf.identity import PeerName, check_party, decode_certificate
from feddmf.ledger import KEY_EVENT, encode_line, parse_line
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.ledger import kept_anchor

__all__ = ["coordinator_papers"]


def coordinator_papers(folder: Path, *, about: str | None = None) -> Papers:
    """Return what the folder shows.

    about: a party; of the records about others it is shown number, hash and signature alone, so that the
    chain can be checked and nothing of the others is learned.
    """
    where = CoordinatorFolder(folder)
    settings = where.load()
    root = read_bytes(where.root_certificate, what="the root certificate", hint="restore it from a backup")
    whole = file_lines(where.ledger)
    with Database.open(where.database_url(settings)) as database, database.read() as connection:
        anchor = kept_anchor(connection)
    return Papers(
        owner=PeerName(settings.federation, None),
        root=decode_certificate(root, what=str(where.root_certificate)),
        lines={LEDGER: whole if about is None else lambda: _shown_to(check_party(about), whole())},
        where={LEDGER: str(where.ledger)},
        about=about,
        anchor=anchor,
    )


def _shown_to(party: str, lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        record = parse_line(line)
        if record is None or record.get("event") == KEY_EVENT or record.get("party") == party:
            yield line
        else:
            yield encode_line({name: record.get(name) for name in ("number", "hash", "signature")})
