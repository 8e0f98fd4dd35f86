"""What a party's folder shows to an audit: its ledger, countersignatures, and the root of both."""

from __future__ import annotations

from pathlib import Path

from feddmf.audit.papers import COUNTERSIGNATURES, LEDGER, Papers, file_lines
from feddmf.files import read_bytes
from feddmf.identity import PeerName, decode_certificate
from feddmf.locks import is_held
from feddmf_party.folder import PartyFolder
from feddmf_party.identity import IdentityFiles

__all__ = ["party_papers"]


def party_papers(folder: Path) -> Papers:
    """Return what the folder shows; InputError where the party has not enrolled: nothing can be checked."""
    where, files = PartyFolder(folder), IdentityFiles(folder)
    where.require()
    federation = files.load_federation()
    root = read_bytes(files.root, what="the root certificate", hint="run `feddmf party enroll`")
    paths = {LEDGER: where.ledger, COUNTERSIGNATURES: where.countersignatures}
    return Papers(
        owner=PeerName(federation.federation, federation.party),
        root=decode_certificate(root, what=str(files.root)),
        lines={name: file_lines(path) for name, path in paths.items()},
        where={name: str(path) for name, path in paths.items()},
        at_work=is_held(where.lock),
    )
