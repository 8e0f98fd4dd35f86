"""Payload and documents to messages and back; refuses what was not declared before it takes a byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy.typing as npt

from feddmf.encodings import decoded, encoded, travelling
from feddmf.errors import PayloadError
from feddmf.payload import ArraySpec, Axis, DType, Encoding, Payload, PayloadSchema, ReleaseKind
from feddmf.wire import payload_pb2 as pb
from feddmf.wire.framing import Envelope

__all__ = [
    "CHUNK_BYTES",
    "MAX_MESSAGE_BYTES",
    "RESUMED_CHUNK_BYTES",
    "PayloadDecoder",
    "document_parts",
    "encode",
    "join_document",
]

CHUNK_BYTES = 1 << 20
RESUMED_CHUNK_BYTES = 1 << 17
"""Bytes a part on a line that was cut: of a part that is cut nothing arrives."""
# A part is one chunk and a few bytes of framing; anything larger is refused by gRPC itself.
MAX_MESSAGE_BYTES = CHUNK_BYTES + (1 << 16)

_KIND = {kind: pb.ReleaseKind.Value(kind.name) for kind in ReleaseKind}
_DTYPE = {dtype: pb.DType.Value(dtype.name) for dtype in DType}
_ENCODING = {
    Encoding.FLOAT32: pb.ENCODING_NONE,
    Encoding.FLOAT16: pb.ENCODING_FLOAT16,
    Encoding.INT8: pb.ENCODING_INT8,
}
# What the other end sent is shown in part: it may be of any length.
_MOST_SHOWN = 8
_HINT = "both ends must run the same version, run file and catalogue"


def encode(
    payload: Payload,
    schema: PayloadSchema,
    envelope: Envelope,
    *,
    sha256: bytes | None = None,
    start: int = 0,
    chunk_bytes: int = CHUNK_BYTES,
) -> Iterator[bytes]:
    """Yield the header, then the arrays' bytes in parts of at most `chunk_bytes`, as messages of `envelope`.

    sha256: the digest of the payload, where somebody has computed it already; start: how many of the first
    bytes the other end holds.
    """
    arrays = [_header(spec, payload[spec.name].shape) for spec in schema.arrays]
    header = pb.PayloadHeader(arrays=arrays, sha256=sha256 or payload.sha256(), start=start)
    yield envelope.header(header)
    for spec in schema.arrays:
        for block in encoded(payload[spec.name], spec.encoding):
            buffer = block.data.cast("B") if block.size else memoryview(b"")
            for at in range(min(start, len(buffer)), len(buffer), chunk_bytes):
                yield envelope.chunk(buffer[at : at + chunk_bytes])
            start = max(0, start - len(buffer))


def _header(spec: ArraySpec, shape: tuple[int, ...]) -> pb.ArrayHeader:
    return pb.ArrayHeader(
        name=spec.name,
        kind=_KIND[spec.kind],
        dtype=_DTYPE[spec.dtype],
        rows=shape[0],
        columns=shape[1],
        encoding=_ENCODING[spec.encoding],
    )


class PayloadDecoder:
    """Takes parts in order; holds the bytes that the schema declares, from the header on.

    PayloadError where the header differs from the schema, data overflows it, a part has none, the digest
    does not match, or an array is outside its bounds. What arrived before a stream was cut is kept: another
    one may go on behind it, or begin anew.
    """

    def __init__(self, schema: PayloadSchema, sizes: Mapping[Axis, int]) -> None:
        self._schema = schema
        self._sizes = sizes
        self._expected = schema.nbytes(sizes)
        self._whole = all(spec.encoding is Encoding.FLOAT32 for spec in schema.arrays)
        self._open = False
        self._begin()

    def _begin(self) -> None:
        self._arrived = 0
        self._sha256: bytes | None = None
        # Hashed as they arrive, in the order of the digest, while the transport fetches what comes next.
        self._digest = hashlib.sha256()
        self._parts: list[list[npt.NDArray[Any]]] = []
        self._room: list[memoryview] = []

    def cut(self) -> None:
        """Expect another stream, with a header of its own."""
        self._open = False

    def feed(self, part: pb.PayloadHeader | memoryview) -> None:
        """Take in one part: the header, then data."""
        if isinstance(part, pb.PayloadHeader):
            self._take_header(part)
            return
        if not self._open or self._arrived + len(part) > self._expected:
            raise PayloadError("data that no header has declared", hint=_HINT)
        if not len(part):
            # A stream of these would never end.
            raise PayloadError("a part without data", hint=_HINT)
        if self._whole:
            self._digest.update(part)
        self._arrived += len(part)
        while part:
            room = self._room[0]
            taken = min(len(room), len(part))
            room[:taken] = part[:taken]
            part = part[taken:]
            if taken == len(room):
                self._room.pop(0)
            else:
                self._room[0] = room[taken:]

    @property
    def arrived(self) -> int:
        """How many bytes have arrived, behind all headers."""
        return self._arrived

    @property
    def complete(self) -> bool:
        """Whether all declared bytes have arrived."""
        return self._sha256 is not None and self._arrived == self._expected

    @property
    def sha256(self) -> bytes:
        """The digest that the header declares; b"" before it."""
        return self._sha256 or b""

    def payload(self) -> Payload:
        """Return the whole payload, checked against the schema."""
        if not self.complete:
            raise PayloadError(f"{self._arrived} of {self._expected} bytes arrived", hint="send it again")
        arrays = {
            spec.name: decoded(parts, spec.encoding)
            for spec, parts in zip(self._schema.arrays, self._parts, strict=True)
        }
        payload = Payload(arrays, sha256=self._digest.digest() if self._whole else None)
        if payload.sha256() != self._sha256:
            raise PayloadError("the bytes differ from the digest in the header", hint="send it again")
        self._schema.check(payload, self._sizes)
        return payload

    def _take_header(self, header: pb.PayloadHeader) -> None:
        declared = [_header(spec, spec.shape(self._sizes)) for spec in self._schema.arrays]
        if self._open or len(header.sha256) != self._digest.digest_size:
            raise PayloadError("a second header, or one without a digest", hint=_HINT)
        if list(header.arrays) != declared:
            raise PayloadError(
                f"a header of {_describe(header.arrays)} where {_describe(declared)} is declared", hint=_HINT
            )
        self._open = True
        if header.start:
            if (header.start, header.sha256) != (self._arrived, self._sha256):
                raise PayloadError(
                    f"bytes behind byte {header.start}, where {self._arrived} of it have arrived",
                    hint=_HINT,
                )
            return
        self._begin()
        self._sha256 = header.sha256
        # What is declared is what the schema allows; pages are taken only as bytes come.
        self._parts = [
            travelling(spec.encoding, spec.dtype.numpy, *spec.shape(self._sizes))
            for spec in self._schema.arrays
        ]
        self._room = [array.data.cast("B") for parts in self._parts for array in parts if array.size]


def _describe(arrays: Iterable[pb.ArrayHeader]) -> str:
    shown = [f"{array.name[:40]}[{array.rows}, {array.columns}]" for array in arrays]
    return ", ".join([*shown[:_MOST_SHOWN], *(["..."] if len(shown) > _MOST_SHOWN else [])]) or "nothing"


def document_parts(document: bytes) -> Iterator[pb.DocumentPart]:
    """Yield a document in parts of at most 1 MiB; an empty document is one empty part."""
    for start in range(0, max(len(document), 1), CHUNK_BYTES):
        yield pb.DocumentPart(data=document[start : start + CHUNK_BYTES])


def join_document(document: bytearray, part: pb.DocumentPart, *, limit: int) -> None:
    """Append `part` to `document`; PayloadError past `limit` bytes."""
    if len(document) + len(part.data) > limit:
        raise PayloadError(
            f"a document of more than {limit} bytes", hint="ask the operator what was published"
        )
    document += part.data
