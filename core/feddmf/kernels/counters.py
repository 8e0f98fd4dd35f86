"""Random numbers as hashes of counters, so that any of them is computed alone, in any order.

mix64: the finaliser of splitmix64 (Steele, Lea and Flood 2014). mix32: that of MurmurHash3 (Appleby), with a
second key between its halves. Of statistical quality only: never for secrets, nor for the noise of a privacy
mechanism.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.kernels.compiling import compiled, inlined

__all__ = ["dropout_mask", "keep_threshold", "mix32", "mix64", "step_keys", "unit"]

_GOLDEN_64 = np.uint64(0x9E3779B97F4A7C15)
_FIRST_64, _SECOND_64 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_FIRST_32, _SECOND_32 = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
_GOLDEN_32 = np.uint32(0x9E3779B9)
_TO_UNIT = 2.0**-53


@inlined
def mix64(counter: Any) -> Any:
    """Return a hash of a uint64, as a uint64."""
    mixed = np.uint64(counter) * _GOLDEN_64
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST_64
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND_64
    return mixed ^ (mixed >> np.uint64(31))


@inlined
def unit(hashed: Any) -> Any:
    """Return the number in [0, 1) that 53 bits of a uint64 hash make."""
    return np.float64(hashed >> np.uint64(11)) * _TO_UNIT


@inlined
def mix32(counter: Any, first_key: Any, second_key: Any) -> Any:
    """Return a hash of a uint32 under two uint32 keys, as a uint32."""
    mixed = np.uint32(np.uint32(counter * _GOLDEN_32) + first_key)
    mixed = np.uint32((mixed ^ (mixed >> np.uint32(16))) * _FIRST_32)
    mixed = np.uint32((mixed ^ (mixed >> np.uint32(13)) ^ second_key) * _SECOND_32)
    return np.uint32(mixed ^ (mixed >> np.uint32(16)))


@inlined
def step_keys(key: Any, step: Any) -> Any:
    """Return the two uint32 keys of a training step, under a uint64 key."""
    hashed = mix64(np.uint64(key) + np.uint64(step))
    return np.uint32(hashed >> np.uint64(32)), np.uint32(hashed & np.uint64(0xFFFFFFFF))


@inlined
def keep_threshold(rate: Any) -> Any:
    """Return the uint32 below which a hash drops its unit, where a share `rate` is dropped."""
    return np.uint32(rate * 2.0**32)


@compiled
def dropout_mask(key: Any, step: Any, samples: int, hidden: int, rate: float) -> npt.NDArray[np.float32]:
    """Return the inverted dropout mask of a step, float32 [samples, hidden]: 0 or 1 / (1 - rate)."""
    first, second = step_keys(key, step)
    threshold, kept = keep_threshold(rate), np.float32(1 / (1 - rate))
    mask = np.zeros((samples, hidden), np.float32)
    for sample in range(samples):
        for at in range(hidden):
            if mix32(np.uint32(sample * hidden + at), first, second) >= threshold:
                mask[sample, at] = kept
    return mask
