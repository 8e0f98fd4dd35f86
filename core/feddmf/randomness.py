"""Random draws addressed by counters, so that a resumed or simulated run draws the same numbers.

Counter-based generators: Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (2011), Philox.
Never used for the noise of a privacy mechanism.
"""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["counter_seed", "generator"]


def counter_seed(seed: int, *address: str | int) -> int:
    """Return a 128-bit key for the draw at `address`, e.g. (party, "dropout", epoch, step)."""
    text = "\x1f".join([str(seed), *(f"{type(part).__name__}:{part}" for part in address)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "little")


def generator(seed: int, *address: str | int) -> np.random.Generator:
    """Return a fresh generator for the draw at `address`; the same address draws the same numbers."""
    return np.random.Generator(np.random.Philox(key=counter_seed(seed, *address)))
