"""What a party tells of its ledger in a call: its signature checked, recorded, and countersigned."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from feddmf.chain_file import SignedHead
from feddmf.errors import FedDMFError, InputError
from feddmf.identity import decode_certificate
from feddmf.ledger import MAX_LENGTH, Head
from feddmf.matching import POINTS
from feddmf.payload import Payload, PayloadSchema
from feddmf.signing import Domain, is_signed
from feddmf.waiting import set_within
from feddmf.wire import federation_pb2 as pb
from feddmf_coordinator.server.calls import Context, legible
from feddmf_coordinator.server.identity import shown_certificate
from feddmf_coordinator.store.database import Database
from feddmf_coordinator.store.ledger import Countersignature, Receipts, party_certificates
from feddmf_coordinator.store.matchings import MatchingId

__all__ = ["Told", "Witness", "matched", "received"]

log = logging.getLogger(__name__)

_ANCHOR_S = 1.0
_HASH_BYTES = 32
_LONGEST_PEER = 40
# Each costs a signature to check, and a write.
_MOST_RESTORED = 64


@dataclass(frozen=True)
class Told:
    """A head that a party has told and signed, by the key of a certificate of its own."""

    party: str
    head: SignedHead
    certificate: x509.Certificate


class Witness:
    """Hears heads of parties' ledgers, and countersigns them once they are on disk here."""

    def __init__(self, receipts: Receipts, database: Database) -> None:
        self._receipts = receipts
        self._database = database
        self._writing: dict[object, asyncio.Task[Countersignature]] = {}

    async def hear(self, ledger: pb.LedgerHead, party: str, context: Context) -> Told:
        """Return the head that a call tells; the call is ended where it does not hold.

        It has to be signed by a key of the caller, and to go on where the party's ledger ended before; the
        log says what was told instead.
        """
        try:
            told = await self._taken_in(ledger, party, context)
        except InputError as error:
            log.warning("ledger of %s: %s", party, error.message)
            await _refuse(context, error)
        return told

    async def last_word(
        self, told: Told | None, ledger: pb.LedgerHead, party: str, context: Context
    ) -> pb.Countersignature | None:
        """Return what to say of a head in a call that comes to nothing; None where it does not hold."""
        try:
            if told is None:
                told = await self._taken_in(ledger, party, context)
        except InputError:
            return None
        return await self.countersign(told)

    async def countersign(self, told: Told, what: Mapping[str, Any] | None = None) -> pb.Countersignature:
        """Record a head and what came with it; return the countersignature once both are on disk."""
        what = what or {}
        # The same call may be here twice: its first stream may be torn, which nobody has noticed yet.
        key = (told.party, told.head, json.dumps(what, sort_keys=True))
        writing = self._writing.get(key)
        if writing is None:
            writing = asyncio.create_task(
                asyncio.to_thread(self._receipts.receive, told.party, told.certificate, told.head, what)
            )
            self._writing[key] = writing
            writing.add_done_callback(lambda _: self._writing.pop(key))
        answer = await asyncio.shield(writing)
        return pb.Countersignature(
            length=answer.said.head.length,
            hash=bytes.fromhex(answer.said.head.hash),
            signature=answer.signature,
            at_ms=answer.said.at_ms,
            certificate_der=answer.certificate_der,
        )

    def begin(self, told: Told, what: Mapping[str, Any]) -> asyncio.Task[pb.Countersignature]:
        """Begin to countersign, while the call goes on; whoever drops it is not told what went wrong."""
        task = asyncio.create_task(self.countersign(told, what))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    async def keep_anchors(self, stop: asyncio.Event) -> None:
        """Tell the database how long the ledger is, whenever it has grown, until `stop` and once after."""
        while True:
            ended = stop.is_set()
            try:
                await asyncio.to_thread(self._receipts.anchor, self._database)
            except FedDMFError as error:
                log.warning("cannot keep how long the ledger is: %s", error.message)
            if ended:
                return
            await set_within(stop, _ANCHOR_S)

    async def _taken_in(self, ledger: pb.LedgerHead, party: str, context: Context) -> Told:
        """Return the head, behind those at which the party was restored; InputError where one does not hold.

        They are on disk here before the head is heard: a ledger that went on from a backup in two ways is
        refused at the first of them, however long it has grown since.
        """
        if len(ledger.restored) > _MOST_RESTORED:
            raise InputError(
                f"{party} was restored {len(ledger.restored)} times and has told none of it",
                hint="enrol the party anew",
            )
        for each in (*ledger.restored, ledger):
            told = await self._signed(each, party, context)
            self._receipts.check(party, told.head.head)
            if each is not ledger:
                await self.countersign(told)
        return told

    async def _signed(self, ledger: pb.LedgerHead, party: str, context: Context) -> Told:
        if not 0 < ledger.length <= MAX_LENGTH or len(ledger.hash) != _HASH_BYTES:
            raise InputError(f"{party} releases, and tells no head of its ledger", hint="upgrade the party")
        head = SignedHead(Head(ledger.length, ledger.hash.hex()), ledger.signature)
        shown = decode_certificate(shown_certificate(context), what="the handshake")
        if _has_signed(shown, head):
            return Told(party, head, shown)
        # A channel outlives a renewal, and the ledger is signed by the new key already.
        for certificate in await asyncio.to_thread(self._others, party):
            if _has_signed(certificate, head):
                return Told(party, head, certificate)
        raise InputError(
            f"{party} tells a ledger of {ledger.length} records that it has not signed",
            hint="check it: feddmf audit verify",
        )

    def _others(self, party: str) -> tuple[x509.Certificate, ...]:
        with self._database.read() as connection:
            return party_certificates(connection, party)


def received(run: str, phase: str, number: int, schema: PayloadSchema, payload: Payload) -> dict[str, Any]:
    """Return what the ledger says of a payload: where it belongs, its kinds, bytes and digest."""
    return {
        "of": "release",
        "run": run,
        "phase": phase,
        "round": number,
        "kinds": list(dict.fromkeys(spec.kind.value for spec in schema.arrays)),
        "bytes": schema.sent_bytes(payload),
        "sha256": payload.sha256().hex(),
    }


def matched(matching: MatchingId, step: int, points: Payload) -> dict[str, Any]:
    """Return what the ledger says of the points of one step of a matching."""
    return {
        "of": "matching",
        "peer": legible(matching.peer, _LONGEST_PEER),
        "catalogue_version": matching.version,
        "step": step,
        "kinds": [spec.kind.value for spec in POINTS.arrays],
        "bytes": points.nbytes,
        "sha256": points.sha256().hex(),
    }


def _has_signed(certificate: x509.Certificate, head: SignedHead) -> bool:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    return is_signed(key, Domain.LEDGER, head.head.to_bytes(), head.signature)


async def _refuse(context: Context, error: InputError) -> NoReturn:
    # A code of its own: a party whose ledger has grown meanwhile tells its end again.
    await context.abort(grpc.StatusCode.OUT_OF_RANGE, f"{error.message}\n{error.hint}")
    raise AssertionError("abort always raises")
