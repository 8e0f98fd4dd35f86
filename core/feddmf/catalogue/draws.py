"""Draws from the matched items that every party makes alike, from the catalogue's digest alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

__all__ = ["is_drawn", "split_probes"]

_SCALE = 2**64


def is_drawn(key: str, *, digest: str, purpose: str, share: float) -> bool:
    """Tell whether `key` is in the draw of `share` for `purpose`.

    Each key is decided by itself, from SHA-256(digest, purpose, key), because no party knows the
    matched items of the others; so the size of a draw is binomial around the share.
    """
    hashed = hashlib.sha256(f"{digest}\x1f{purpose}\x1f{key}".encode()).digest()
    return int.from_bytes(hashed[:8], "big") < share * _SCALE


def split_probes(
    keys: Iterable[str], *, digest: str, share: float
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split matched `keys` into (aligned, probe), in order; probes are trained but never aligned."""
    aligned: list[str] = []
    probes: list[str] = []
    for key in keys:
        drawn = is_drawn(key, digest=digest, purpose="probe", share=share)
        (probes if drawn else aligned).append(key)
    return tuple(aligned), tuple(probes)
