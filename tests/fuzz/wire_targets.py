"""The wire's readers: frames, payloads, points, documents, and what a party reads of a run."""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
from google.protobuf.message import DecodeError

from feddmf.catalogue.view import decode_view, encode_view
from feddmf.matching import MOST_ITEMS, POINTS
from feddmf.payload import ArraySpec, Axis, DType, Encoding, Payload, PayloadSchema, ReleaseKind
from feddmf.protocols.registry import protocol_for
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import PayloadDecoder, document_parts, encode, join_document
from feddmf.wire.framing import EXCHANGE, MATCH, PUBLISH, REPLY, Envelope
from feddmf.wire.payload_pb2 import DocumentPart, PayloadHeader
from feddmf.wire.points import fed_points
from feddmf_coordinator.server.calls import legible
from feddmf_party.catalogue import FetchedView
from feddmf_party.plans import read_plan
from fuzz.mutate import join_stream, json_text, protobuf, split_stream
from fuzz.target import Target, read_by
from support.runs import small_run

__all__ = ["contributions", "documents", "frames", "plans", "points", "views"]

_LIMIT = 1 << 16


def _stream(chance: random.Random, raw: bytes) -> bytes:
    """Change one message of a stream, or the stream."""
    messages = split_stream(raw)
    at = chance.randrange(len(messages))
    match chance.randrange(6):
        case 0:
            messages.insert(chance.randint(0, len(messages)), messages[at])
        case 1:
            del messages[at]
        case 2:
            chance.shuffle(messages)
        case _:
            messages[at] = protobuf(chance, messages[at])
    return join_stream(messages)


def frames(_path: Path) -> Target:
    """Messages that may hold arrays, under each of their envelopes."""
    head = pb.LedgerHead(length=9, hash=bytes(32), signature=bytes(71))
    address = pb.ExchangeAddress(run="small-1", phase="align", round=3, ledger=head)
    ended = pb.RunEnded(reason="over", hint="begin again")
    items = pb.OfferedItems(items=[pb.OfferedItem(key="a"), pb.OfferedItem(key="b", label="B")])
    samples = [
        pb.ExchangePart(address=address).SerializeToString(),
        pb.ReplyPart(ended=ended).SerializeToString(),
        pb.PublishPart(items=items).SerializeToString(),
        EXCHANGE.chunk(memoryview(bytes(40))),
        REPLY.header(PayloadHeader(sha256=bytes(32))),
        MATCH.chunk(memoryview(b"")),
    ]

    def opened(envelope: Envelope, raw: bytes) -> None:
        assert isinstance(envelope.open(raw), memoryview | PayloadHeader | envelope.message)

    readers = [partial(opened, envelope) for envelope in (EXCHANGE, REPLY, PUBLISH, MATCH)]
    return Target(samples, protobuf, partial(read_by, readers))


def _fed(schema: PayloadSchema, sizes: Mapping[Axis, int], raw: bytes) -> None:
    decoder = PayloadDecoder(schema, sizes)
    for message in split_stream(raw):
        part = EXCHANGE.open(message)
        if isinstance(part, PayloadHeader | memoryview):
            decoder.feed(part)
    schema.check(decoder.payload(), sizes)


def contributions(_path: Path) -> Target:
    """Payloads of a run's phases and of a publication, whole and rounded."""
    run = small_run(2)
    protocol = protocol_for(run.plan.settings.protocol)
    schemas = [phase.contribution for phase in protocol.phases(run.plan)]
    specs = (
        ArraySpec("a", ReleaseKind.ITEM_VECTORS, Axis.OFFERED_ITEMS, 3, encoding=Encoding.INT8),
        ArraySpec("b", ReleaseKind.ITEM_VECTORS, Axis.OFFERED_ITEMS, 3, encoding=Encoding.FLOAT16),
        ArraySpec("c", ReleaseKind.GRAM, Axis.ONE, 2, dtype=DType.FLOAT64),
        ArraySpec("d", ReleaseKind.ITEM_VECTORS, Axis.OFFERED_ITEMS, 3),
    )
    schemas.append(PayloadSchema(specs))
    sizes = {**run.rows.sizes("acme"), Axis.OFFERED_ITEMS: 5}
    generator = np.random.default_rng(1)
    samples = []
    for schema in schemas:
        arrays = {
            spec.name: generator.random(spec.shape(sizes)).astype(spec.dtype.numpy) for spec in schema.arrays
        }
        payload = schema.rounded(Payload(arrays))
        samples.append(join_stream(list(encode(payload, schema, EXCHANGE))))

    readers = [partial(_fed, schema, sizes) for schema in schemas]
    return Target(samples, _stream, partial(read_by, readers))


def points(_path: Path) -> Target:
    """Points of a matching."""
    generator = np.random.default_rng(2)
    samples = []
    for rows in (1, 20):
        payload = Payload({"points": generator.integers(0, 2**63, (rows, 4), dtype=np.uint64)})
        samples.append(join_stream(list(encode(payload, POINTS, MATCH))))

    def read(raw: bytes) -> None:
        decoder = None
        for message in split_stream(raw):
            part = MATCH.open(message)
            if isinstance(part, PayloadHeader | memoryview):
                decoder = fed_points(decoder, part, most=MOST_ITEMS)
        if decoder is not None:
            decoder.payload()

    return Target(samples, _stream, read)


def documents(_path: Path) -> Target:
    """Documents in parts."""
    whole = bytes(range(256)) * 20
    samples = [join_stream([part.SerializeToString() for part in document_parts(whole)])]

    def read(raw: bytes) -> None:
        document = bytearray()
        for message in split_stream(raw):
            try:
                part = DocumentPart.FromString(message)
            except DecodeError:
                return
            join_document(document, part, limit=_LIMIT)
        assert len(document) <= _LIMIT
        legible(document.decode(errors="replace"), 300)

    return Target(samples, _stream, read)


def views(_path: Path) -> Target:
    """A party's view of the catalogue behind its proof, as the coordinator sends it."""
    samples = []
    for catalogue in (small_run(2, shared=3, own=1).catalogue, small_run(3).catalogue):
        proof, view = catalogue.proof("acme"), catalogue.view("acme")
        samples.append(proof.model_dump_json().encode() + b"\n" + encode_view(view))

    def read(raw: bytes) -> None:
        # What no proof lets through is read as well.
        view = decode_view(raw.partition(b"\n")[2])
        assert decode_view(encode_view(view)) == view
        FetchedView.parse(raw, party="acme")

    return Target(samples, json_text, read)


def plans(_path: Path) -> Target:
    """A run's plan, as a party reads it."""
    sections = ({}, {"privacy": {"mode": "gram", "epsilon": 1}, "recipe": "default"})
    samples = [small_run(3, **each).plan.model_dump_json().encode() for each in sections]

    def read(raw: bytes) -> None:
        read_plan(raw, "small-1", "acme")

    return Target(samples, json_text, read)
