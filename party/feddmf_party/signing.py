"""The key that signs a party's ledger: that of its identity."""

from __future__ import annotations

import functools
from pathlib import Path

from feddmf.key_files import KeyFiles
from feddmf_party.identity import IdentityFiles

__all__ = ["signer_of"]


@functools.cache
def signer_of(folder: Path) -> KeyFiles:
    """Return who signs for the party in `folder`, the same object to everybody in this process."""
    files = IdentityFiles(folder)
    return KeyFiles(files.certificate, (files.key, files.next_certificate), files.load_pair)
