"""What happens to people's files: edited, cut, emptied, overwritten, a folder in their place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

__all__ = ["GARBAGE", "cut", "edit", "edited", "empty", "garble", "mark", "to_folder", "written"]

GARBAGE = b"\xff\xfe\x00garbage[[["


def edit(path: Path, old: str, new: str) -> None:
    """Replace the first `old` in a file."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def edited(old: str, new: str) -> Callable[[Path], object]:
    """Return what replaces the first `old` in a file."""
    return lambda path: edit(path, old, new)


def written(content: str) -> Callable[[Path], object]:
    """Return what writes `content` over a file."""
    return lambda path: path.write_text(content)


def cut(path: Path) -> None:
    """Leave the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garble(path: Path) -> None:
    """Leave bytes that mean nothing, and are no UTF-8."""
    path.write_bytes(GARBAGE)


def empty(path: Path) -> None:
    """Leave nothing in a file."""
    path.write_bytes(b"")


def mark(path: Path) -> None:
    """Put a byte order mark in front."""
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


def to_folder(path: Path) -> None:
    """Put a folder where the file is."""
    path.unlink()
    path.mkdir()
