"""What calls that release tell of the ledger, and what the coordinator answers to it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from feddmf.chain_file import SignedHead
from feddmf.errors import RunFailed
from feddmf.ledger import RESTORED_EVENT, Head
from feddmf.signing import from_text
from feddmf.wire import federation_pb2 as pb
from feddmf_party.countersignatures import Countersignatures
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile

__all__ = ["LedgerEnd"]


class LedgerEnd:
    """The end of a party's ledger as calls tell it. Files are opened with the first call that releases.

    The coordinator's word is checked and kept on a thread, beside what the reply begins; nothing more is
    told, and so nothing more leaves, before the last word is on disk. A ledger that was restored tells its
    end at that record too, until there is a word for it: by then it may be longer than what was lost.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = PartyFolder(folder)
        self._opened: tuple[LedgerFile, Countersignatures] | None = None
        self._pending: asyncio.Task[None] | None = None
        self._restored: tuple[SignedHead, ...] = ()

    async def tell(self) -> pb.LedgerHead:
        """Return the end as it is now: at or behind the record of whatever the gate has cleared.

        Raises RunFailed where the coordinator's last word did not hold, InputError where the ledger does not
        hold the last record that it countersigned.
        """
        await self.settle()
        if self._opened is None:
            self._opened = await asyncio.to_thread(self._open)
        ledger, kept = self._opened
        untold = [each for each in self._restored if each.head.length > kept.head.length]
        told = _message(ledger.signed_head())
        told.restored.extend(map(_message, untold))
        return told

    def keep(self, told: pb.LedgerHead, word: pb.Countersignature) -> None:
        """Begin to keep the coordinator's word for what it was told; RunFailed where there is none."""
        if (word.length, word.hash) != (told.length, told.hash) or self._opened is None:
            raise RunFailed(
                "the coordinator does not countersign what this party's ledger says",
                hint="both ends must run the same version; else ask the operator what answers in its place",
            )
        self._pending = asyncio.create_task(_keep(self._opened[1], word, after=self._pending))

    async def settle(self) -> None:
        """Wait until what was begun is on disk; RunFailed where it does not hold."""
        pending, self._pending = self._pending, None
        if pending is not None:
            # A thread cannot be stopped: what is told next must come after it.
            await asyncio.shield(pending)

    def _open(self) -> tuple[LedgerFile, Countersignatures]:
        ledger, kept = LedgerFile(self._folder.ledger), Countersignatures(self._folder.path)
        kept.check(ledger)
        # None is added while this process has the folder: a backup is put into an empty one.
        self._restored = tuple(
            SignedHead(Head(int(each["number"]) + 1, str(each["hash"])), from_text(str(each["signature"])))
            for each in ledger.records()
            if each.get("event") == RESTORED_EVENT and "signature" in each
        )
        return ledger, kept


def _message(end: SignedHead) -> pb.LedgerHead:
    return pb.LedgerHead(length=end.head.length, hash=bytes.fromhex(end.head.hash), signature=end.signature)


async def _keep(
    kept: Countersignatures, word: pb.Countersignature, *, after: asyncio.Task[None] | None
) -> None:
    """Check a word and keep it, behind the one before: a call that was torn may have brought two."""
    if after is not None:
        await after
    await asyncio.to_thread(
        kept.keep,
        Head(word.length, word.hash.hex()),
        at_ms=word.at_ms,
        signature=word.signature,
        certificate_der=word.certificate_der,
    )
