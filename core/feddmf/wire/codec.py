"""Payload and documents to messages and back; refuses what was not declared before it takes a byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from feddmf.errors import PayloadError
from feddmf.payload import ArraySpec, Axis, DType, Payload, PayloadSchema, ReleaseKind
from feddmf.wire import payload_pb2 as pb

__all__ = ["CHUNK_BYTES", "MAX_MESSAGE_BYTES", "PayloadDecoder", "document_parts", "encode", "join_document"]

CHUNK_BYTES = 1 << 20
# A part is one chunk and a few bytes of framing; anything larger is refused by gRPC itself.
MAX_MESSAGE_BYTES = CHUNK_BYTES + (1 << 16)

_KIND = {kind: pb.ReleaseKind.Value(kind.name) for kind in ReleaseKind}
_DTYPE = {dtype: pb.DType.Value(dtype.name) for dtype in DType}
# What the other end sent is shown in part: it may be of any length.
_MOST_SHOWN = 8
_HINT = "both ends must run the same version, run file and catalogue"


def encode(payload: Payload, schema: PayloadSchema) -> Iterator[pb.PayloadPart]:
    """Yield the header, then the arrays' bytes in parts of at most 1 MiB."""
    arrays = [_header(spec, payload[spec.name].shape) for spec in schema.arrays]
    yield pb.PayloadPart(header=pb.PayloadHeader(arrays=arrays, sha256=payload.sha256()))
    for buffer in payload.buffers():
        for start in range(0, len(buffer), CHUNK_BYTES):
            yield pb.PayloadPart(data=bytes(buffer[start : start + CHUNK_BYTES]))


def _header(spec: ArraySpec, shape: tuple[int, ...]) -> pb.ArrayHeader:
    return pb.ArrayHeader(
        name=spec.name, kind=_KIND[spec.kind], dtype=_DTYPE[spec.dtype], rows=shape[0], columns=shape[1]
    )


class PayloadDecoder:
    """Takes parts in order; holds at most the bytes that the schema declares.

    PayloadError where the header differs from the schema, data overflows it, the digest does not
    match, or an array is outside its bounds.
    """

    def __init__(self, schema: PayloadSchema, sizes: Mapping[Axis, int]) -> None:
        self._schema = schema
        self._sizes = sizes
        self._sha256: bytes | None = None
        self._body = bytearray()
        self._expected = schema.nbytes(sizes)

    def feed(self, part: pb.PayloadPart) -> None:
        """Take in one part."""
        if part.WhichOneof("part") == "header":
            self._take_header(part.header)
            return
        if self._sha256 is None or len(self._body) + len(part.data) > self._expected:
            raise PayloadError("data that no header has declared", hint=_HINT)
        self._body += part.data

    @property
    def complete(self) -> bool:
        """Whether all declared bytes have arrived."""
        return self._sha256 is not None and len(self._body) == self._expected

    def payload(self) -> Payload:
        """Return the whole payload, checked against the schema."""
        if not self.complete:
            raise PayloadError(f"{len(self._body)} of {self._expected} bytes arrived", hint="send it again")
        if hashlib.sha256(self._body).digest() != self._sha256:
            raise PayloadError("the bytes differ from the digest in the header", hint="send it again")
        arrays, at = {}, 0
        for spec in self._schema.arrays:
            rows, columns = spec.shape(self._sizes)
            flat = np.frombuffer(self._body, spec.dtype.numpy, count=rows * columns, offset=at)
            arrays[spec.name] = flat.reshape(rows, columns)
            at += flat.nbytes
        payload = Payload(arrays)
        self._schema.check(payload, self._sizes)
        return payload

    def _take_header(self, header: pb.PayloadHeader) -> None:
        declared = [_header(spec, spec.shape(self._sizes)) for spec in self._schema.arrays]
        if self._sha256 is not None or len(header.sha256) != hashlib.sha256().digest_size:
            raise PayloadError("a second header, or one without a digest", hint=_HINT)
        if list(header.arrays) != declared:
            raise PayloadError(
                f"a header of {_describe(header.arrays)} where {_describe(declared)} is declared", hint=_HINT
            )
        self._sha256 = header.sha256


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
