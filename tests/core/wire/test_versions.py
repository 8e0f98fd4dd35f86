"""Messages of version 2, as they were written before version 3, are understood; those of 3 by version 2."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.symbol_database import Default

from feddmf.errors import RunFailed
from feddmf.payload import ArraySpec, Axis, DType, Encoding, Payload, PayloadSchema, ReleaseKind
from feddmf.wire import enrolment_pb2, payload_pb2
from feddmf.wire import federation_pb2 as pb
from feddmf.wire.codec import PayloadDecoder, encode
from feddmf.wire.framing import EXCHANGE, MATCH, PUBLISH, REPLY, Envelope
from feddmf.wire.version import NEWEST, OLDEST, agreed, held_to

SAMPLES: dict[str, Any] = json.loads((Path(__file__).parent / "samples" / "version_2.json").read_text())
MODULES = (payload_pb2, pb, enrolment_pb2)
ENVELOPES = {"exchange": EXCHANGE, "reply": REPLY, "publish": PUBLISH, "match": MATCH}
MATCHED = Axis.MATCHED_ITEMS
SCHEMA = PayloadSchema(
    (
        ArraySpec("plain", ReleaseKind.ITEM_VECTORS, MATCHED, 3),
        ArraySpec("half", ReleaseKind.CONTEXT_VECTORS, MATCHED, 3, encoding=Encoding.FLOAT16),
        ArraySpec("quarter", ReleaseKind.ITEM_VECTORS, MATCHED, 3, encoding=Encoding.INT8),
        ArraySpec("wide", ReleaseKind.GRAM, MATCHED, 2, DType.FLOAT64),
        ArraySpec("counts", ReleaseKind.ITEM_COUNT, MATCHED, 1, DType.UINT64),
    )
)
GRID = np.arange(6, dtype=np.float32).reshape(2, 3)
SENT = SCHEMA.rounded(
    Payload(
        {
            "plain": GRID / 7,
            "half": GRID / 8,
            "quarter": GRID - 3,
            "wide": np.arange(4, dtype=np.float64).reshape(2, 2) / 3,
            "counts": np.array([[1], [2**64 - 1]], dtype=np.uint64),
        }
    )
)


def _files() -> descriptor_pb2.FileDescriptorSet:
    return descriptor_pb2.FileDescriptorSet.FromString(base64.b64decode(SAMPLES["descriptors"]))


@pytest.mark.parametrize("sample", SAMPLES["messages"], ids=lambda sample: sample["message"])
def test_a_message_of_version_2_says_what_it_said(sample: dict[str, Any]) -> None:
    """Field for field; and whoever writes the same now writes the same bytes."""
    message = Default().GetSymbol(sample["message"]).FromString(bytes.fromhex(sample["bytes"]))
    assert MessageToDict(message, preserving_proto_field_name=True) == sample["holds"]
    assert message.SerializeToString(deterministic=True).hex() == sample["bytes"]


@pytest.mark.parametrize("name", ENVELOPES)
def test_a_stream_of_version_2_is_a_first_attempt_of_now(name: str) -> None:
    """Arrays of every dtype and encoding arrive from it, and are framed byte for byte as they were."""
    envelope: Envelope = ENVELOPES[name]
    stream = [bytes.fromhex(part) for part in SAMPLES["streams"][name]]
    decoder = PayloadDecoder(SCHEMA, {MATCHED: 2})
    for raw in stream:
        decoder.feed(envelope.open(raw))
    arrived = decoder.payload()
    assert {key: array.tobytes() for key, array in arrived.items()} == {
        key: array.tobytes() for key, array in SENT.items()
    }
    assert list(encode(SENT, SCHEMA, envelope)) == stream


def test_nothing_of_version_2_was_changed_or_taken_away() -> None:
    """Each method, field and value is there under its number, with its type."""
    now = {module.DESCRIPTOR.name: descriptor_pb2.FileDescriptorProto() for module in MODULES}
    for module in MODULES:
        module.DESCRIPTOR.CopyToProto(now[module.DESCRIPTOR.name])
    for before in _files().file:
        after = now[before.name]
        for kind in ("message_type", "enum_type", "service"):
            today = {each.name: each for each in getattr(after, kind)}
            for each in getattr(before, kind):
                parts = {"message_type": "field", "enum_type": "value", "service": "method"}[kind]
                known = {part.name: part for part in getattr(today[each.name], parts)}
                for part in getattr(each, parts):
                    assert known[part.name] == part


@pytest.mark.parametrize(
    "message",
    [
        pb.HelloRequest(protocol_version=2, newest_version=3, software="x"),
        pb.HelloReply(protocol_version=2, software="x", federation="films", time_ms=5),
        pb.ExchangeAddress(run="r", phase="align", round=1, resumed=pb.Resumption(held=3, sha256=b"x")),
        pb.RoundClosed(done=True, next_phase="align", next_round=4),
        pb.GetPublicationRequest(run="r", party="acme", resumed=pb.Resumption()),
        payload_pb2.PayloadHeader(sha256=b"x", start=7),
    ],
    ids=lambda message: message.DESCRIPTOR.name,
)
def test_what_version_3_adds_is_passed_over_by_version_2(message: Message) -> None:
    """Its own classes, made from its own descriptors, find what they know."""
    pool = descriptor_pool.DescriptorPool()
    for file in _files().file:
        pool.Add(file)
    old = GetMessageClass(pool.FindMessageTypeByName(message.DESCRIPTOR.full_name))
    heard = old.FromString(message.SerializeToString())
    known = {field.name for field in old.DESCRIPTOR.fields}
    said = MessageToDict(message, preserving_proto_field_name=True)
    assert MessageToDict(heard, preserving_proto_field_name=True) == {
        name: value for name, value in said.items() if name in known
    }
    assert set(said) - known


@pytest.mark.parametrize(
    ("oldest", "newest", "spoken"), [(2, 0, 2), (2, 2, 2), (2, 3, 3), (3, 3, 3), (1, 2, 2), (3, 9, 3)]
)
def test_two_ends_agree_on_the_newest_version_of_both(oldest: int, newest: int, spoken: int) -> None:
    """A party that says one number, as those of version 2 do, speaks that one alone."""
    assert (OLDEST, NEWEST) == (2, 3)
    assert agreed(oldest, newest) == spoken


@pytest.mark.parametrize(
    ("oldest", "newest", "who", "said"),
    [(1, 0, "party", "version 1,"), (0, 0, "party", "version 0,"), (4, 6, "coordinator", "version 4 to 6,")],
)
def test_ends_without_a_common_version_are_told_who_must_upgrade(
    oldest: int, newest: int, who: str, said: str
) -> None:
    """And both ranges."""
    with pytest.raises(RunFailed, match=f"{said} the coordinator 2 to 3") as caught:
        agreed(oldest, newest)
    assert caught.value.hint == f"upgrade the {who}"


@pytest.mark.parametrize(("version", "who"), [(1, "coordinator"), (0, "coordinator"), (4, "party")])
def test_an_answer_in_another_version_is_not_taken(version: int, who: str) -> None:
    """Nor guessed at."""
    assert held_to(2) == 2
    with pytest.raises(
        RunFailed, match=f"answers with wire version {version}, this party speaks 2 to 3"
    ) as caught:
        held_to(version)
    assert caught.value.hint == f"upgrade the {who}"
