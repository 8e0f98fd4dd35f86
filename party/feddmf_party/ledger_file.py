"""The egress ledger of a party, signed by the key of the identity beside it."""

from __future__ import annotations

from pathlib import Path

from feddmf.chain_file import ChainFile
from feddmf.signing import Domain
from feddmf_party.signing import signer_of

__all__ = ["LedgerFile"]


class LedgerFile(ChainFile):
    """Appends to and reads one party's ledger.

    Records from before the party enrolled, and those of versions that did not sign, stay as they are: signing
    begins with the first record that names a certificate.

    The coordinator is told the head. What records say is easily guessed, and so each has 16 random bytes: the
    head is a hiding commitment, which tells nothing to whoever has not been shown the records.
    """

    def __init__(self, path: Path) -> None:
        """Open the ledger in a party's folder; InputError names the first record that does not fit."""
        super().__init__(path, Domain.LEDGER, signer_of(path.parent), hides=True)
