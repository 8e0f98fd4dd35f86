"""Invariants 4, 6 and 8: what may cross the wire is a closed list, and none of it is about a user."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import get_args

import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, FileDescriptor

import feddmf.wire
from feddmf.matching import POINTS
from feddmf.payload import Axis, DType, PayloadSchema, ReleaseKind
from feddmf.protocols.registry import protocol_for
from feddmf.runfile import RunSettings
from feddmf.wire import federation_pb2, payload_pb2
from support.runs import small_run
from support.sources import sources

DESIGNED = (
    *("item_vectors", "context_vectors", "shared_layers", "item_gradient", "gram", "sufficient_statistics"),
    *(
        "masked_sum",
        "noisy_gram",
        "attribute_vector",
        "item_count",
        "quality_scalar",
        "loss_scalar",
        "psi_point",
        "public_key",
    ),
)
# Words for those whom nothing on the wire may be about.
PEOPLE = re.compile(
    r"user|customer|client|consumer|shopper|buyer|person|people|household|email|interaction|purchase|basket|rating",
    re.IGNORECASE,
)
PROTOCOLS = get_args(RunSettings.model_fields["protocol"].annotation)


def files() -> list[FileDescriptor]:
    """Return the descriptors of all files in feddmf.wire."""
    names = [
        found.name for found in pkgutil.iter_modules(feddmf.wire.__path__) if found.name.endswith("_pb2")
    ]
    return [importlib.import_module(f"feddmf.wire.{name}").DESCRIPTOR for name in names]


def messages(of: FileDescriptor | Descriptor) -> Iterator[Descriptor]:
    """Yield all messages of a file, nested ones too."""
    inside = of.message_types_by_name if isinstance(of, FileDescriptor) else of.nested_types_by_name
    for message in inside.values():
        yield message
        yield from messages(message)


def fields_within(message: Descriptor, seen: set[str] | None = None) -> Iterator[FieldDescriptor]:
    """Yield all fields of a message and of the messages inside it."""
    seen = set() if seen is None else seen
    if message.full_name in seen:
        return
    seen.add(message.full_name)
    for field in message.fields:
        yield field
        if field.message_type is not None:
            yield from fields_within(field.message_type, seen)


def schemas() -> list[tuple[str, PayloadSchema]]:
    """Return every schema of every registered protocol, and of matchings, with what it is."""
    found = []
    for name in PROTOCOLS:
        plan = small_run(2, protocol=name).plan
        protocol = protocol_for(name)
        for phase in protocol.phases(plan):
            found.append((f"{name} {phase.name} contribution", phase.contribution))
            found.append((f"{name} {phase.name} reply", phase.reply))
        found.append((f"{name} publication", protocol.publication(plan)))
    return [*found, ("a step of a matching", POINTS)]


def names_on_the_wire(enum: EnumDescriptor) -> dict[str, int]:
    """Return the values of a protobuf enum but for the unspecified one."""
    values = {value.name: value.number for value in enum.values}
    assert [name for name, number in values.items() if number == 0] == [enum.values[0].name]
    assert enum.values[0].name.endswith("_UNSPECIFIED")
    return {name: number for name, number in values.items() if number}


def test_release_kinds_are_the_designed_ones() -> None:
    """The kinds of thing that may leave are exactly those of the design."""
    assert tuple(kind.value for kind in ReleaseKind) == DESIGNED


def test_release_kinds_and_dtypes_are_those_of_the_wire() -> None:
    """The enums of the wire and of the code have the same names."""
    kinds = names_on_the_wire(payload_pb2.ReleaseKind.DESCRIPTOR)
    assert set(kinds) == {kind.name for kind in ReleaseKind} == {value.upper() for value in DESIGNED}
    assert set(names_on_the_wire(payload_pb2.DType.DESCRIPTOR)) == {dtype.name for dtype in DType}


def test_no_axis_runs_over_users() -> None:
    """Rows of arrays are single values or items; there is no other axis."""
    items = {"matched", "aligned", "offered", "pilot", "pilot_aligned", "hidden", "revealed", "blinded"}
    assert {axis.value for axis in Axis} == {"one"} | {f"{name}_items" for name in items}


@pytest.mark.parametrize(
    ("what", "schema"), schemas(), ids=lambda each: each if isinstance(each, str) else ""
)
def test_every_schema_is_about_items(what: str, schema: PayloadSchema) -> None:
    """Each array that any protocol sends either way has a known kind, dtype and axis, and bounds."""
    for spec in schema.arrays:
        assert isinstance(spec.kind, ReleaseKind)
        assert isinstance(spec.axis, Axis)
        assert isinstance(spec.dtype, DType)
        assert not PEOPLE.search(spec.name)
        assert spec.columns >= 1
        assert spec.max_row_norm < float("inf")


def test_every_protocol_is_looked_at() -> None:
    """The registry has a protocol for each name that a run file may give, and each sends something."""
    assert PROTOCOLS
    for name in PROTOCOLS:
        assert protocol_for(name).capabilities.name == name
        assert any(schema.arrays for what, schema in schemas() if what.startswith(name))


@pytest.mark.parametrize("file", files(), ids=lambda file: file.name)
def test_no_message_is_about_people(file: FileDescriptor) -> None:
    """No message, field, enum or method of the wire is named after users or what they did."""
    found = list(messages(file))
    assert found
    names = [message.name for message in found]
    names += [field.name for message in found for field in message.fields]
    names += [value.name for enum in file.enum_types_by_name.values() for value in enum.values]
    names += [method.name for service in file.services_by_name.values() for method in service.methods]
    assert not [name for name in names if PEOPLE.search(name)]


# Fields of the federation's requests that could name a party, and what keeps them from naming the sender.
NAMES_A_PARTY = {
    "GetPublicationRequest.party": "whose publication is asked for",
    "PublicationAddress.party": "set in the answer alone",
    "OfferPart.owner": "set in the answer alone",
}


def test_no_request_says_who_sends_it() -> None:
    """A party's id comes from its certificate: no field of a request is for it."""
    service = federation_pb2.DESCRIPTOR.services_by_name["Federation"]
    assert len(service.methods) >= 9
    pattern = re.compile(r"party|parties|sender|owner|member|company|identity|caller|who|from")
    found = {
        f"{field.containing_type.name}.{field.name}"
        for method in service.methods
        for field in fields_within(method.input_type)
        if pattern.search(field.name)
    }
    assert found <= set(NAMES_A_PARTY)


def test_the_server_reads_no_party_from_a_message() -> None:
    """One method alone asks a message for a party: the one that is asked for a peer's publication."""
    serving = [
        source
        for source in sources("feddmf_coordinator.server")
        if source.imports_any("feddmf.wire.federation_pb2", "feddmf.wire.federation_pb2_grpc")
    ]
    functions = [
        node
        for source in serving
        for node in ast.walk(source.tree)
        if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)
    ]
    readers = {
        (function.name, ast.unparse(node))
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute)
        and node.attr in {"party", "owner"}
        and re.match(r"(request|part|first|message|address)\b", ast.unparse(node))
    }
    assert readers == {("GetPublication", "request.party")}
