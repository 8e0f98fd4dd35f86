"""The dropout masks of compiled code, computed by torch on its own device."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from feddmf.kernels.counters import keep_threshold, step_keys

__all__ = ["dropout_mask_on"]

_LOW = 0xFFFFFFFF
_GOLDEN, _FIRST, _SECOND = 0x9E3779B9, 0x85EBCA6B, 0xC2B2AE35


def dropout_mask_on(
    device: torch.device, key: np.uint64, step: int, samples: int, *, hidden: int, rate: float
) -> Tensor:
    """Return the mask of `feddmf.kernels.counters.dropout_mask`, [samples, hidden], made on `device`."""
    first, second = (int(part) for part in step_keys(key, np.uint64(step)))
    # uint32 arithmetic in int64: products wrap around, and their low halves are right all the same.
    mixed = torch.arange(samples * hidden, device=device)
    mixed = ((mixed * _GOLDEN & _LOW) + first) & _LOW
    mixed = ((mixed ^ (mixed >> 16)) * _FIRST) & _LOW
    mixed = ((mixed ^ (mixed >> 13) ^ second) * _SECOND) & _LOW
    mixed = mixed ^ (mixed >> 16)
    kept = (mixed >= int(keep_threshold(rate))).to(torch.float32) / (1 - rate)
    return kept.view(samples, hidden)
