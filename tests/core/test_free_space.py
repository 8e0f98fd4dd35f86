"""Room on a disk: figures as people read them, and an error with both of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddmf import free_space
from feddmf.errors import LocalResourceError
from feddmf.free_space import free_bytes, require_free, shown_bytes


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (12_800_000, "12.8 MB"), (4.1e9, "4.1 GB"),
     (3e16, "30000.0 TB")],
)  # fmt: skip
def test_bytes_are_shown(number: float, shown: str) -> None:
    """In powers of a thousand."""
    assert shown_bytes(number) == shown


def test_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    """The disk of the nearest folder above counts."""
    assert free_bytes(tmp_path / "new" / "newer") > 0


def test_too_little_room_is_told_with_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What needs it, how much, and how much there is."""
    monkeypatch.setattr(free_space, "free_bytes", lambda _: 1_000_000)
    require_free(tmp_path, 1_000_000, what="run x-1")
    with pytest.raises(LocalResourceError) as told:
        require_free(tmp_path, 2_500_000, what="run x-1")
    assert told.value.message == (f"run x-1 may need 2.5 MB on the disk of {tmp_path}, which has 1.0 MB left")
