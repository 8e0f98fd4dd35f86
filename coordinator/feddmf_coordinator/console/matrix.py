"""What parties have in common as a square of cells, each shaded by how much of the smaller side it is."""

from __future__ import annotations

from dataclasses import dataclass

from feddmf.catalogue.table import Catalogue

__all__ = ["Cell", "Matrix", "matrix_of"]

# Shades that pages have for a full cell.
_SHADES = 4


@dataclass(frozen=True)
class Cell:
    """How many items two parties both sell, and its shade, 0 to 4; of one with itself, all its items."""

    shared: int
    shade: int


Matrix = tuple[tuple[str, tuple[Cell, ...]], ...]


def matrix_of(catalogue: Catalogue) -> Matrix:
    """Return a row a party, with a cell for each party in the same order."""
    pairs = {(each.left, each.right): each for each in catalogue.coverage()}

    def cell(row: str, column: str) -> Cell:
        if row == column:
            return Cell(len(catalogue.columns[row]), 0)
        pair = pairs.get((row, column)) or pairs[column, row]
        least = min(pair.left_items, pair.right_items)
        return Cell(pair.shared, round(_SHADES * pair.shared / least) if least else 0)

    return tuple((row, tuple(cell(row, column) for column in catalogue.parties)) for row in catalogue.parties)
