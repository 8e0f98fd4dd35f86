"""Eq. 4 as it is usually written: a loss a pair of parties, and autograd for the gradients."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch

__all__ = ["Shared", "pairwise_gradients", "shared_rows"]

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.int64]
# Two parties, and their rows of the items that both have.
Shared = tuple[str, str, torch.Tensor, torch.Tensor]


def shared_rows(rows: Mapping[str, Codes]) -> list[Shared]:
    """Return what every pair of parties shares; rows[party]: the item of each of its rows."""
    found = []
    for a, b in itertools.combinations(sorted(rows), 2):
        _, at_a, at_b = np.intersect1d(rows[a], rows[b], assume_unique=True, return_indices=True)
        found.append((a, b, torch.from_numpy(at_a), torch.from_numpy(at_b)))
    return found


def pairwise_gradients(
    vectors: Mapping[str, Floats], shared: Sequence[Shared], *, beta: float, margin: float
) -> dict[str, Floats]:
    """Return the gradient of eq. 4 in every party's vectors, [rows of the party, dim].

    The graph is walked back pair by pair, so that it never stands in memory for all pairs.
    """
    leaves = {party: torch.from_numpy(own).requires_grad_() for party, own in vectors.items()}
    pairs = max(sum(len(at_a) for _, _, at_a, _ in shared), 1)
    for a, b, at_a, at_b in shared:
        cosines = torch.nn.functional.cosine_similarity(leaves[a][at_a], leaves[b][at_b])
        loss = beta / pairs * (1 - cosines).clamp(min=margin).sum()
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return {
        party: (torch.zeros_like(leaf) if leaf.grad is None else leaf.grad).numpy()
        for party, leaf in leaves.items()
    }
