"""Draws from the matched items that every party makes alike, from the catalogue's digest alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

__all__ = ["hidden_at", "is_drawn", "split_probes"]

_SCALE = 2**64
# Of what several parties sell, no more than this is hidden anywhere in a first training.
_MOST_HIDDEN = 0.5


def is_drawn(key: str, *, digest: str, purpose: str, share: float) -> bool:
    """Tell whether `key` is in the draw of `share` for `purpose`.

    Each key is decided by itself, from SHA-256(digest, purpose, key), because no party knows the
    matched items of the others; so the size of a draw is binomial around the share.
    """
    return _place(key, digest, purpose) < share * _SCALE


def hidden_at(key: str, sellers: Sequence[str], *, digest: str, share: float) -> str | None:
    """Return which one of `sellers` (all that sell `key` in the run, sorted) hides it at first, if any does.

    Each hides about `share` of what it sells with others, and no key is hidden by two, so that whoever hides
    one can be told of it by all the others. Where many sell a key the share of each is less.
    """
    each = min(share, _MOST_HIDDEN / len(sellers))
    if not each:
        return None
    number = int(_place(key, digest, "hidden") / (each * _SCALE))
    return sellers[number] if number < len(sellers) else None


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


def _place(key: str, digest: str, purpose: str) -> int:
    hashed = hashlib.sha256(f"{digest}\x1f{purpose}\x1f{key}".encode()).digest()
    return int.from_bytes(hashed[:8], "big")
