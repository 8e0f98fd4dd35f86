"""Vectors that travel rounded are rounded once, at home, and everybody has the same numbers."""

from __future__ import annotations

import pytest

from feddmf.members.rounded import RoundedMember
from feddmf.payload import Encoding
from feddmf.protocols.registry import protocol_for
from feddmf.rounds import RoundRecord
from feddmf.simulation import simulate
from support.runs import SmallRun, small_run

QUICK = {"training": {"epochs": 1, "batch_size": 50}, "enforcement": {"probe_floor": -1}}


def run_of(encoding: str) -> SmallRun:
    """Return a short run whose vectors travel under `encoding`."""
    return small_run(2, alignment={"encoding": encoding, "max_rounds": 2}, **QUICK)


@pytest.mark.parametrize("encoding", ["float16", "int8"])
def test_what_leaves_is_what_travels(encoding: str) -> None:
    """Contributions and publications hold their schema, numbers included; what stays at home is whole."""
    run = run_of(encoding)
    protocol, member = protocol_for("feddmf"), run.member("acme")
    assert isinstance(member, RoundedMember)
    phase = protocol.phases(run.plan)[0]
    assert {spec.name: spec.encoding for spec in phase.contribution.arrays} == {
        "vectors": Encoding(encoding),
        "loss": Encoding.FLOAT32,
    }
    sent = member.contribute(phase.name, 0, None)
    phase.contribution.check(sent, run.rows.sizes("acme"))
    publication = protocol.publication(run.plan)
    published = member.publications()
    sizes = {spec.axis: len(published["vectors"]) for spec in publication.arrays}
    publication.check(published, sizes)
    home = {name: array for name, array in member.model_arrays().items() if array.dtype.kind == "f"}
    assert all((home[name] == array).all() for name, array in member.snapshot().items() if name in home)


def test_without_an_encoding_nothing_is_wrapped() -> None:
    """Whole vectors need no rounding."""
    assert not isinstance(run_of("float32").member("acme"), RoundedMember)


def test_bytes_count_as_they_travel() -> None:
    """A round's bytes are a half and a quarter, scales and loss aside, both ways."""
    sizes = {}
    for encoding in ("float32", "float16", "int8"):
        run, records = run_of(encoding), list[RoundRecord]()
        simulate(run.plan, run.rows, run.members(), on_round=records.append)
        sizes[encoding] = records[0]
    rows = {axis: sum(run.rows.sizes(p)[axis] for p in run.plan.roster) for axis in run.rows.sizes("acme")}
    up, down = (
        rows[schema.arrays[0].axis]
        for schema in (
            protocol_for("feddmf").phases(run.plan)[0].contribution,
            protocol_for("feddmf").phases(run.plan)[0].reply,
        )
    )
    dim = run.plan.settings.model.embedding_dim
    for encoding, row in (("float32", 4 * dim), ("float16", 2 * dim), ("int8", 4 + dim)):
        assert sizes[encoding].bytes_up == up * row + 2 * 4
        assert sizes[encoding].bytes_down == down * row + 2 * 8
