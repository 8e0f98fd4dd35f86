"""A ledger that is shorter than the coordinator's word for it: auditors are told before they ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from feddmf_party.tokens import Role
from support.ledgers import BothSides, both_sides
from support.party_api import Api, opened

if TYPE_CHECKING:
    from conftest import Browser


@pytest.fixture
def sides(tmp_path: Path) -> BothSides:
    """Return a federation in which acme has released twice and was countersigned."""
    return both_sides(tmp_path, releases=2)


@pytest.fixture
def api(sides: BothSides) -> Iterator[Api]:
    """Return acme's server."""
    with opened(sides.folder()) as found:
        yield found


@pytest.mark.parametrize("kept", [0, 1])
def test_what_was_cut_is_said(sides: BothSides, browse: Callable[[Role], Browser], kept: int) -> None:
    """Also where the whole file is gone: nobody reads that nothing has left."""
    auditor = browse(Role.AUDITOR)
    assert "This is not all that left" not in auditor.get("/left").text
    lines = sides.folder().ledger.read_bytes().splitlines(keepends=True)
    sides.folder().ledger.write_bytes(b"".join(lines[:kept]))
    page = auditor.get("/left").text
    assert "This is not all that left" in page
    assert "the last that the coordinator countersigned, is not there" in page
