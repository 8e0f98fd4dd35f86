"""Messages that carry arrays, framed by hand around memory: no copy but one into the message, one out of it.

A chunk is the one field of a PayloadPart, which is the one field of the message of its stream; both are a
tag, a length, and the contents (protobuf encoding guide, "length-delimited records"). What is framed in
another way, and what is no chunk, is read by the generated classes: any protobuf speaker is understood.
"""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.message import DecodeError

from feddmf.errors import PayloadError
from feddmf.wire import federation_pb2 as pb
from feddmf.wire import payload_pb2
from feddmf.wire.federation_pb2_grpc import FederationStub, add_FederationServicer_to_server

__all__ = ["EXCHANGE", "MATCH", "PUBLISH", "REPLY", "Envelope", "add_service", "open_stub"]

_LENGTH_DELIMITED = 2
# Lengths of messages need no more bytes; gRPC refuses longer ones.
_LONGEST_VARINT = 5
_SERVICE = pb.DESCRIPTOR.services_by_name["Federation"].full_name


class Envelope:
    """The message of one stream, of which one field is a PayloadPart."""

    def __init__(self, message: type[Any]) -> None:
        self.message = message
        self._tag = _tag(message, "payload")

    def header(self, header: payload_pb2.PayloadHeader) -> bytes:
        """Return the message that holds `header`."""
        part = payload_pb2.PayloadPart(header=header)
        whole: bytes = self.message(payload=part).SerializeToString()
        return whole

    def chunk(self, data: memoryview) -> bytes:
        """Return the message that holds `data`, bytes of arrays; the one copy."""
        inner = _DATA + _varint(len(data))
        return b"".join((self._tag, _varint(len(inner) + len(data)), inner, data))

    def open(self, raw: bytes) -> Any:
        """Return what a message holds: a memoryview of a chunk, a PayloadHeader, or the message itself.

        Raises PayloadError where it is none of ours.
        """
        start = _contents(raw, 0, self._tag)
        start = None if start is None else _contents(raw, start, _DATA)
        if start is not None:
            return memoryview(raw)[start:]
        try:
            message = self.message.FromString(raw)
        except DecodeError as error:
            raise PayloadError(
                "bytes that are no message", hint="both ends must run the same version"
            ) from error
        held = message.payload.WhichOneof("part") if message.WhichOneof("part") == "payload" else None
        if held == "header":
            return message.payload.header
        return memoryview(message.payload.data) if held == "data" else message


def _tag(message: type[Any], field: str) -> bytes:
    return _varint(message.DESCRIPTOR.fields_by_name[field].number << 3 | _LENGTH_DELIMITED)


def _varint(number: int) -> bytes:
    low = bytearray()
    while number > 0x7F:  # noqa: PLR2004  (seven bits a byte)
        low.append(number & 0x7F | 0x80)
        number >>= 7
    low.append(number)
    return bytes(low)


def _contents(raw: bytes, at: int, tag: bytes) -> int | None:
    """Return where the contents of the field `tag` at `at` begin, if they reach to the end of `raw`."""
    if not raw.startswith(tag, at):
        return None
    at += len(tag)
    length = 0
    for place, byte in enumerate(raw[at : at + _LONGEST_VARINT]):
        length |= (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            start = at + place + 1
            return start if start + length == len(raw) else None
    return None


_DATA = _tag(payload_pb2.PayloadPart, "data")

EXCHANGE = Envelope(pb.ExchangePart)
REPLY = Envelope(pb.ReplyPart)
PUBLISH = Envelope(pb.PublishPart)
MATCH = Envelope(pb.MatchPart)


def open_stub(channel: grpc.aio.Channel) -> Any:
    """Return the generated stub, but that messages which carry arrays are bytes, framed by an Envelope."""
    stub: Any = FederationStub(channel)
    stub.Exchange = channel.stream_stream(f"/{_SERVICE}/Exchange")
    stub.Match = channel.stream_stream(f"/{_SERVICE}/Match")
    stub.Publish = channel.stream_unary(f"/{_SERVICE}/Publish", response_deserializer=pb.Ack.FromString)
    stub.GetPublication = channel.unary_stream(
        f"/{_SERVICE}/GetPublication", request_serializer=pb.GetPublicationRequest.SerializeToString
    )
    return stub


def add_service(service: Any, server: grpc.aio.Server) -> None:
    """Serve a federation service, to which messages that carry arrays are bytes, framed by an Envelope."""
    streams = {
        "Exchange": grpc.stream_stream_rpc_method_handler(service.Exchange),
        "Match": grpc.stream_stream_rpc_method_handler(service.Match),
        "Publish": grpc.stream_unary_rpc_method_handler(
            service.Publish, response_serializer=pb.Ack.SerializeToString
        ),
        "GetPublication": grpc.unary_stream_rpc_method_handler(
            service.GetPublication, request_deserializer=pb.GetPublicationRequest.FromString
        ),
    }
    add_FederationServicer_to_server(service, server)
    # A method has the handler that was registered last.
    server.add_registered_method_handlers(_SERVICE, streams)
