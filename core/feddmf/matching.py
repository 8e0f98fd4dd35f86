"""Private set intersection of two parties' items by Diffie-Hellman: both learn what they have in common.

Each party hashes its item keys to points of a group and multiplies them by a secret number of its own;
the peer multiplies what it gets by its own. Twice multiplied, equal items are equal, whoever was first,
and anything else is as good as random to everybody who does not hold both numbers. Source: Huberman, Franklin
& Hogg, "Enhancing privacy and trust in electronic communities" (1999), after Meadows (1986); secure in
the random oracle model under the decisional Diffie-Hellman assumption against parties that follow it.

The group is NIST P-256, by the x coordinates of its points (Miller 1985): a point and its negative have the
same multiple but for the sign, so any y will do. Its order is prime, so a point that is on the curve has
no part in a small subgroup, and what is not on the curve is refused. X25519 is faster and is not taken:
half of all hashes lie on the twist of its curve, every multiple of them does too, and so each
blinded item would tell one bit of its hash.
"""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric import ec

from feddmf.errors import PayloadError
from feddmf.payload import ArraySpec, Axis, DType, PayloadSchema, ReleaseKind

__all__ = [
    "MOST_ITEMS",
    "POINTS",
    "Blinding",
    "HiddenItems",
    "Points",
    "Step",
    "check_first",
    "check_second",
    "common_keys",
    "matching_domain",
]

# An x coordinate is 32 bytes.
_WORDS = 4

POINTS = PayloadSchema(
    (ArraySpec("points", ReleaseKind.PSI_POINT, Axis.BLINDED_ITEMS, _WORDS, dtype=DType.UINT64),)
)
"""What either step of a matching sends: x coordinates of points, uint64 [items, 4]."""

MOST_ITEMS = 100_000
"""Most items of one party that anybody takes in a matching; a party's policy allows fewer."""


class Step(enum.IntEnum):
    """What a party tells in a matching, as the wire numbers it.

    HIDE: its own items, blinded; ANSWER: the peer's, blinded again; TAKEN: that it has what the peer sent.
    """

    HIDE = 1
    ANSWER = 2
    TAKEN = 3


Points = npt.NDArray[np.uint64]
Told = Callable[[int], None]

_CURVE = ec.SECP256R1()
_POINT_BYTES = 32
# A compressed point (SEC 1, 2.3.3) with an even y; the other one has the same multiples but for the sign.
_EVEN = b"\x02"
_TOLD_EVERY = 100
_ASK = "ask the peer and the operator which software they run"


def matching_domain(federation: str, parties: Sequence[str], version: int) -> bytes:
    """Return what hashes of one matching begin with, 32 bytes: points of any two matchings are unrelated."""
    address = ["feddmf catalogue matching 1", federation, sorted(parties), version]
    return hashlib.sha256(json.dumps(address, separators=(",", ":")).encode()).digest()


@dataclass(frozen=True)
class HiddenItems:
    """A party's items, blinded once: points, uint64 [items, 4], ascending, and, at home, their keys."""

    keys: tuple[str, ...]
    points: Points


class Blinding:
    """One party's secret number for one matching; a fresh one unless `secret` is one from before."""

    def __init__(self, secret: int | None = None) -> None:
        self._key = (
            ec.generate_private_key(_CURVE) if secret is None else ec.derive_private_key(secret, _CURVE)
        )

    @property
    def secret(self) -> int:
        """The secret number; it stays at home, and only until the matching is over."""
        return self._key.private_numbers().private_value

    def hide(self, keys: Sequence[str], domain: bytes, told: Told = lambda _: None) -> HiddenItems:
        """Blind distinct `keys`; `told` hears how many are done since it heard last.

        The order is that of the blinded values, which says nothing of the order of the keys.
        """
        done = _counting(keys, told)
        hidden = sorted((self._times(_hashed(key, domain)), key) for key in done)
        return HiddenItems(tuple(key for _, key in hidden), _joined([point for point, _ in hidden]))

    def hide_again(self, points: Points, told: Told = lambda _: None) -> Points:
        """Blind a peer's points again, in the peer's order; PayloadError where one is not on the curve."""
        found = []
        for row, raw in enumerate(_counting(_split(points), told)):
            try:
                point = ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, _EVEN + raw)
            except ValueError as error:
                raise PayloadError(f"point {row} of the peer is not on the curve", hint=_ASK) from error
            found.append(self._times(point))
        return _joined(found)

    def _times(self, point: ec.EllipticCurvePublicKey) -> bytes:
        return self._key.exchange(ec.ECDH(), point)


def check_first(points: Points, own: Points) -> None:
    """Raise PayloadError unless a peer's `points`, blinded once, may be answered.

    They ascend strictly, so that each counts once and their order holds nothing; none is among `own`, which
    somebody who sent them back would otherwise pass off as common.
    """
    rows = _split(points)
    if any(left >= right for left, right in pairwise(rows)):
        raise PayloadError("the peer's points are not in ascending order, or one is there twice", hint=_ASK)
    if not set(rows).isdisjoint(_split(own)):
        raise PayloadError("the peer's points hold some of this party's own", hint=_ASK)


def check_second(points: Points, items: int) -> None:
    """Raise PayloadError unless `points` are what a peer makes of as many own ones: distinct."""
    if len(points) != items:
        raise PayloadError(f"the peer sends {len(points)} points back for {items}", hint=_ASK)
    if len(set(_split(points))) < items:
        raise PayloadError("the peer sends the same point back for two items", hint=_ASK)


def common_keys(keys: Sequence[str], own: Points, peers: Points) -> tuple[str, ...]:
    """Return, sorted, those of `keys` whose point in `own` [keys, 4] is one of `peers`; all blinded twice."""
    there = set(_split(peers))
    return tuple(sorted(key for key, row in zip(keys, _split(own), strict=True) if row in there))


def _hashed(key: str, domain: bytes) -> ec.EllipticCurvePublicKey:
    """Return a point that nobody knows a multiple of: the first hash that is an x coordinate, uniform.

    How often it tries depends on the key alone, and shows nowhere but in the party's own time.
    """
    for trial in count():
        x = hashlib.sha256(domain + trial.to_bytes(4, "big") + key.encode()).digest()
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(_CURVE, _EVEN + x)
        except ValueError:
            continue
    raise AssertionError("half of all hashes are on the curve")


def _counting(rows: Sequence[Any], told: Told) -> Iterator[Any]:
    """Yield `rows`, and tell of every few that are done."""
    for done, row in enumerate(rows):
        yield row
        if (done + 1) % _TOLD_EVERY == 0:
            told(_TOLD_EVERY)
    if len(rows) % _TOLD_EVERY:
        told(len(rows) % _TOLD_EVERY)


def _split(points: Points) -> list[bytes]:
    raw = points.tobytes()
    return [raw[start : start + _POINT_BYTES] for start in range(0, len(raw), _POINT_BYTES)]


def _joined(rows: Sequence[bytes]) -> Points:
    return np.frombuffer(b"".join(rows), dtype="<u8").reshape(-1, _WORDS)
