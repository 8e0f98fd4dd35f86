"""Merkle trees: one digest for several documents, each provable alone. Source: RFC 6962, section 2.1."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

__all__ = ["audit_path", "leaf_hash", "root", "root_from_path"]


def leaf_hash(document: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256(0x00 || document)."""
    return hashlib.sha256(b"\x00" + document).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(n: int) -> int:
    """Return the largest power of two below n."""
    return 1 << (n - 1).bit_length() - 1


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over leaf hashes (at least one)."""
    if len(leaves) == 1:
        return leaves[0]
    k = _split(len(leaves))
    return _node(root(leaves[:k]), root(leaves[k:]))


def audit_path(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the sibling hashes from leaf `index` up to the root (RFC 6962, PATH)."""
    if len(leaves) == 1:
        return ()
    k = _split(len(leaves))
    if index < k:
        return (*audit_path(leaves[:k], index), root(leaves[k:]))
    return (*audit_path(leaves[k:], index - k), root(leaves[:k]))


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that `leaf` at `index` of `size` leaves and `path` lead to; None where they cannot."""
    if size == 1:
        return leaf if index == 0 and not path else None
    if not path or not 0 <= index < size:
        return None
    k = _split(size)
    if index < k:
        left = root_from_path(leaf, index, k, path[:-1])
        return None if left is None else _node(left, path[-1])
    right = root_from_path(leaf, index - k, size - k, path[:-1])
    return None if right is None else _node(path[-1], right)
