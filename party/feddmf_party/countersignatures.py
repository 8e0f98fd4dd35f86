"""What the coordinator has countersigned of a party's ledger: checked, and kept beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from feddmf.chain_file import ChainFile
from feddmf.errors import InputError, RunFailed
from feddmf.files import read_bytes
from feddmf.identity import PeerName, decode_certificate
from feddmf.ledger import Head
from feddmf.signing import LATEST_MS, Countersigned, Domain, Signatory, is_signed, signatory_of, to_text
from feddmf_party.folder import PartyFolder
from feddmf_party.identity import IdentityFiles
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.signing import signer_of

__all__ = ["Countersignatures"]

_CUT = (
    "the file was cut or written anew; restore it from a backup; see `feddmf audit verify`. Without a "
    "backup: end the node, move the ledger and {name} aside together, and ask the operator for a ledger "
    "reset, as docs/operations.md says"
)
_ASK = "do not go on; ask the operator what answers in the coordinator's place"


class Countersignatures:
    """Appends to the file of countersignatures of one party; safe to call from threads."""

    def __init__(self, folder: Path) -> None:
        """Open the file; InputError names the first record that does not fit."""
        files = IdentityFiles(folder)
        federation = files.load_federation()
        root = read_bytes(files.root, what="the root certificate", hint="enrol again")
        self._federation, self._party = federation.federation, federation.party
        self._root = decode_certificate(root, what=str(files.root))
        self._coordinator: tuple[bytes, Signatory] | None = None
        # The certificate that the last record about the coordinator names, and what it signed last.
        self._named, self._last, self._head = "", (0, 0), Head()
        path = PartyFolder(folder).countersignatures
        self._file = ChainFile(path, Domain.COUNTERSIGNATURES, signer_of(folder), self._remember)

    @property
    def last_at(self) -> datetime | None:
        """When the coordinator last countersigned, by its clock; None where it never has."""
        return datetime.fromtimestamp(self._last[1] / 1_000, UTC) if self._last[1] else None

    @property
    def head(self) -> Head:
        """The longest head that the coordinator has countersigned; an empty one where there is none."""
        return self._head

    def check(self, ledger: LedgerFile) -> None:
        """Raise InputError unless `ledger` holds the last head that the coordinator countersigned.

        The coordinator knows that head, and not what stands behind it: records that were cut off and followed
        by others would show at its side only when both files are held against each other.
        """
        last = self._head
        if last in {Head(), ledger.end}:
            return
        record = next(islice(ledger.records(), last.length - 1, None), None)
        if record is None or record["hash"] != last.hash:
            found = "is not there" if record is None else "is another one"
            what = f"record {last.length - 1}, the last that the coordinator countersigned, {found}"
            raise InputError(
                f"{ledger.path}: {what}",
                hint=_CUT.format(name=self._file.path.name),
            )

    def keep(self, head: Head, *, at_ms: int, signature: bytes, certificate_der: bytes) -> None:
        """Check the coordinator's word for `head`, and keep it; it is on disk when this returns.

        Raises RunFailed where the coordinator of this federation did not sign it.
        """
        said = Countersigned(self._federation, self._party, head, at_ms)
        signatory = self._signatory(certificate_der)
        if (
            at_ms >= LATEST_MS
            or not is_signed(signatory.key, Domain.COUNTERSIGNATURE, said.to_bytes(), signature)
            or not signatory.holds_at(said.at)
        ):
            raise RunFailed(
                f"the coordinator's countersignature of ledger record {head.length - 1} does not hold",
                hint=_ASK,
            )
        if self._last == (head.length, at_ms):
            return
        named = to_text(certificate_der)
        before = [] if named == self._named else [{"event": "coordinator", "certificate": named}]
        record = {
            "event": "countersignature",
            "length": head.length,
            "head": head.hash,
            "at_ms": at_ms,
            "countersignature": to_text(signature),
        }
        self._file.append(record, *before)

    def _signatory(self, certificate_der: bytes) -> Signatory:
        if self._coordinator is None or self._coordinator[0] != certificate_der:
            name = PeerName(self._federation, None)
            try:
                found = signatory_of(certificate_der, name, self._root, what="the coordinator's answer")
            except InputError as error:
                raise RunFailed(error.message, hint=_ASK) from error
            self._coordinator = certificate_der, found
        return self._coordinator[1]

    def _remember(self, record: Mapping[str, Any]) -> None:
        if record.get("event") == "coordinator":
            self._named = str(record.get("certificate"))
        elif record.get("event") == "countersignature":
            self._last = (record["length"], record["at_ms"])
            if record["length"] >= self._head.length:
                self._head = Head(record["length"], record["head"])
