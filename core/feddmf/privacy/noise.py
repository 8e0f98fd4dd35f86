"""Gaussian noise on whole numbers from the system's own source of randomness.

Source: Canonne, Kamath and Steinke, "The discrete Gaussian for differential privacy" (2020), whose mechanism
this is; draws on a grid leave nothing in low bits of floating-point numbers (Mironov, 2012). Sampled by
rejection from two-sided steps of 2^p with chances of halves, so that a candidate is bits alone: k of chance
2^-(k+1), r uniform below 2^p, and y = 2^p k + r is kept with probability 2^k exp(-y^2 / (2 sigma^2)) / c.
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["LEAST_SIGMA", "MOST_SIGMA", "Noise", "SystemNoise"]

Floats = npt.NDArray[np.float64]
Words = npt.NDArray[np.uint64]

LEAST_SIGMA = 0.75
MOST_SIGMA = 2.0**46
"""In steps: r, k and the sign are bits of one word."""

# Candidates that are looked at together: their arrays stay in a near cache.
_BLOCK = 1 << 16
_STEP_BITS, _FACTOR_BITS = 47, 16
# Trailing zeros of 16 bits; 16 zeros are no candidate, which cuts the tail off at 13 sigma.
_ZEROS = np.array([(each & -each).bit_length() - 1 for each in range(1 << _FACTOR_BITS)], dtype=np.float64)
# Rounding moves an acceptance probability by less than 2^-44; closer calls are made with decimals.
_UNSURE = 2.0**-40
_MORE_BYTES = 16
_DECIMALS = Context(prec=80)


class Noise(Protocol):
    """What a mechanism asks for noise. The product has `SystemNoise` alone; tests bring their own."""

    def gaussian(self, shape: tuple[int, ...], sigma: float) -> Floats:
        """Return independent Gaussian draws of standard deviation `sigma`, float64 of `shape`.

        `sigma` counts steps of the caller's grid, and so do the draws: whole numbers below 2^53. A caller
        rounds what is not.
        """
        ...


class SystemNoise:
    """The discrete Gaussian, from the operating system's cryptographic generator; never seeded, never kept.

    A draw differs from the ideal one by less than 2^-120 in statistical distance: tails are cut off at 13
    sigma, and acceptance is decided to 192 bits.
    """

    def gaussian(self, shape: tuple[int, ...], sigma: float) -> Floats:
        """Return draws with probabilities proportional to exp(-y^2 / (2 sigma^2)) over whole numbers y.

        Raises ValueError for a `sigma` outside `LEAST_SIGMA` and `MOST_SIGMA`. Memory beside the result is
        that of a block.
        """
        if not LEAST_SIGMA <= sigma <= MOST_SIGMA:
            raise ValueError(f"sigma {sigma!r} lies outside {LEAST_SIGMA} and {MOST_SIGMA} steps")
        proposal = _Proposal.of(sigma)
        draws = np.empty(math.prod(shape))
        done = 0
        while done < len(draws):
            # A few more than are accepted on average, so that one block serves small shapes.
            count = min(_BLOCK, int(2.7 * (len(draws) - done)) + 16)
            words = np.frombuffer(secrets.token_bytes(16 * count), dtype=np.uint64).reshape(2, count)
            found = proposal.accepted(words)[: len(draws) - done]
            draws[done : done + len(found)] = found
            done += len(found)
        return draws.reshape(shape)


@dataclass(frozen=True)
class _Proposal:
    """Candidates for one sigma: steps of 2^bits, and the logarithm of the largest ratio to the target."""

    sigma: float
    bits: int
    largest: float

    @classmethod
    def of(cls, sigma: float) -> _Proposal:
        # Most are kept where 2^p is sqrt(2 ln 2) sigma.
        bits = max(0, round(math.log2(sigma * math.sqrt(2 * math.log(2)))))
        width = 2.0**bits / sigma
        ratios = [k * math.log(2) - (width * k) ** 2 / 2 for k in range(_FACTOR_BITS)]
        # A little more, so that no rounding lifts a probability over 1.
        return cls(sigma, bits, max(ratios) + 2.0**-30)

    def accepted(self, words: Words) -> Floats:
        """Return the draws that are kept of candidates `words`, [2, candidates], in their order."""
        factors = _ZEROS[(words[0] >> np.uint64(_STEP_BITS)) & np.uint64((1 << _FACTOR_BITS) - 1)]
        sizes = (words[0] & np.uint64((1 << self.bits) - 1)).astype(np.float64)
        sizes += factors * 2.0**self.bits
        negative = (words[0] >> np.uint64(63)).astype(np.bool_)
        chances = np.exp(factors * math.log(2) - np.square(sizes / self.sigma) / 2 - self.largest)
        distances = chances - words[1] * 2.0**-64
        kept = distances > 0
        for at in np.flatnonzero(np.abs(distances) <= _UNSURE):
            kept[at] = self._decided(int(sizes[at]), int(factors[at]), int(words[1, at]))
        # No bit of a factor's is set, or a zero would count twice.
        kept &= (factors >= 0) & ~(negative & (sizes == 0))
        draws: Floats = np.where(negative, -sizes, sizes)[kept]
        return draws

    def _decided(self, size: int, factor: int, uniform: int) -> bool:
        """Tell whether a candidate is kept, with 128 bits more of the uniform number that decides."""
        exact = _DECIMALS
        ratio = exact.divide(Decimal(size), Decimal(self.sigma))
        exponent = exact.divide(exact.multiply(ratio, ratio), Decimal(-2))
        exponent = exact.add(exponent, exact.multiply(Decimal(factor), exact.ln(Decimal(2))))
        chance = exact.exp(exact.subtract(exponent, Decimal(self.largest)))
        more = int.from_bytes(secrets.token_bytes(_MORE_BYTES), "little")
        scale = 1 << (64 + 8 * _MORE_BYTES)
        return (uniform << (8 * _MORE_BYTES)) + more < int(exact.multiply(chance, Decimal(scale)))
