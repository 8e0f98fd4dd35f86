"""The textbook's training on ready tensors: an epoch is shuffled once, and batches are slices of it."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from feddmf_benchmarks.baselines.textbook import Samples, Textbook, draw_epoch

__all__ = ["Tensorised"]


class Tensorised(Textbook):
    """Without a data set and a loader; all else is the textbook's."""

    def epoch(self) -> Iterator[tuple[Samples, ...]]:
        """Yield the batches of an epoch, one of each party, as long as all have one."""
        wholes = []
        for own in self.data.values():
            parts = [torch.from_numpy(part) for part in draw_epoch(own, self.recipe.negatives, self._random)]
            order = torch.randperm(len(parts[0]))
            wholes.append([torch.split(part[order], self.recipe.batch) for part in parts])
        for batches in zip(*(zip(*whole, strict=True) for whole in wholes), strict=False):
            yield tuple((users, items, labels) for users, items, labels in batches)
