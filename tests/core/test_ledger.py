"""The hash chain: no record can be edited, deleted, inserted or moved without being seen."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from feddmf import ledger
from feddmf.errors import InputError

VALUES = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text('abü"\\', max_size=3)
CONTENTS = st.lists(
    st.dictionaries(st.sampled_from(["event", "run", "bytes"]), VALUES | st.lists(VALUES, max_size=2)),
    min_size=1,
    max_size=5,
)
Record = dict[str, Any]


def chained(contents: list[Record]) -> list[Record]:
    """Return `contents` as a whole ledger."""
    records: list[Record] = []
    for number, content in enumerate(contents):
        previous = records[-1]["hash"] if records else ledger.GENESIS
        records.append(ledger.chain(content, number=number, previous=previous))
    return records


def refused(records: list[Record]) -> bool:
    """Tell whether the chain is found broken."""
    try:
        ledger.verify(records)
    except InputError:
        return True
    return False


def test_a_record_by_hand() -> None:
    """The hash is SHA-256 over the canonical JSON of the record without its hash."""
    record = ledger.chain({"event": "jö", "a": 1}, number=0, previous=ledger.GENESIS)
    canonical = '{"a":1,"event":"jö","number":0,"previous":"' + "0" * 64 + '"}'
    assert record["hash"] == hashlib.sha256(canonical.encode()).hexdigest()
    assert ledger.verify([record]) == record["hash"]


def test_an_empty_ledger_has_the_first_head() -> None:
    """Before the first record the head is the genesis hash."""
    assert ledger.verify([]) == ledger.GENESIS == "0" * 64


@given(CONTENTS)
def test_what_was_chained_holds(contents: list[Record]) -> None:
    """Whatever the records say, a chain that was not touched verifies to its last hash."""
    records = chained(contents)
    assert ledger.verify(records) == records[-1]["hash"]


@given(CONTENTS, st.data())
def test_an_edit_is_found(contents: list[Record], data: st.DataObject) -> None:
    """Changing, adding or removing any field of any record, number and hashes too, is found."""
    records = chained(contents)
    place = data.draw(st.integers(0, len(records) - 1))
    field = data.draw(st.sampled_from([*records[place], "new"]))
    value = data.draw(VALUES)
    edited = {**records[place], field: value}
    # 1, 1.0 and True are one number to Python, and three different texts in the ledger.
    assume(repr(edited) != repr(records[place]))
    assert refused([*records[:place], edited, *records[place + 1 :]])
    if field != "new":
        removed = {name: value for name, value in records[place].items() if name != field}
        assert refused([*records[:place], removed, *records[place + 1 :]])


@given(CONTENTS, st.data())
def test_an_edit_with_a_new_hash_is_found_behind(contents: list[Record], data: st.DataObject) -> None:
    """Who hashes an edited record anew breaks the link of the next one."""
    records = chained(contents)
    assume(len(records) > 1)
    place = data.draw(st.integers(0, len(records) - 2))
    edited = {**records[place], "new": 1}
    edited["hash"] = ledger.record_hash(edited)
    assert refused([*records[:place], edited, *records[place + 1 :]])


@given(CONTENTS, st.data())
def test_deletion_insertion_and_reordering_are_found(contents: list[Record], data: st.DataObject) -> None:
    """A record that is missing before the end, there twice, or in another's place is found."""
    records = chained(contents)
    place = data.draw(st.integers(0, len(records) - 1))
    assert refused([*records[: place + 1], records[place], *records[place + 1 :]])
    if place < len(records) - 1:
        assert refused([*records[:place], *records[place + 1 :]])
    order = data.draw(st.permutations(range(len(records))))
    assert refused([records[at] for at in order]) == (order != sorted(order))


def test_the_first_record_that_does_not_fit_is_named() -> None:
    """The error says which record, and what kind of change it was."""
    records = chained([{"event": "a"}, {"event": "b"}, {"event": "c"}])
    with pytest.raises(InputError, match="record 1 was changed after it was written"):
        ledger.verify([records[0], {**records[1], "event": "x"}, records[2]])
    with pytest.raises(InputError, match="record 1 does not follow the one before it"):
        ledger.verify([records[0], records[2]])
