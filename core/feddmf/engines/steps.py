"""What each training step works on, by its number: samples, and the units that dropout leaves out."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from feddmf.kernels.counters import dropout_mask
from feddmf.randomness import counter_seed
from feddmf.sampling import Batch, Samples

__all__ = ["Steps"]


class Steps:
    """The steps of a party's training on `samples`, in batches of `size`.

    address: root seed and party, of the dropout masks; per_epoch: steps an epoch. Unless it is given, the
    last one may be short; where it is, all have as many samples but for one. largest: samples of a step.
    """

    def __init__(
        self, samples: Samples, size: int, *, address: tuple[int, str], per_epoch: int | None = None
    ) -> None:
        self._samples = samples
        self._is_even = per_epoch is not None
        self.per_epoch = per_epoch or math.ceil(samples.samples / size)
        self.largest = math.ceil(samples.samples / self.per_epoch) if self._is_even else size
        self.key = np.uint64(counter_seed(*address, "dropout") % 2**64)

    def batch(self, step: int) -> Batch:
        """Return the samples of a step."""
        return self.block(step, step + 1, size=1)[0]

    def block(self, first: int, last: int, *, size: int) -> tuple[Batch, npt.NDArray[np.int64]]:
        """Return the samples of the steps from `first` on, and the bounds of the steps, int64 [steps + 1].

        It ends before step `last`, with the epoch, or with the step that brings it to `size` samples.
        """
        epoch, within = divmod(first, self.per_epoch)
        steps = min(last - first, self.per_epoch - within, math.ceil(size / self.largest))
        bounds = self._bounds(np.arange(within, within + steps + 1))
        drawn = self._samples.batch(epoch, int(bounds[0]), int(bounds[-1]))
        return drawn, bounds - bounds[0]

    def _bounds(self, within: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return before which place of an epoch each of its steps begins."""
        samples = self._samples.samples
        if self._is_even:
            return samples * within // self.per_epoch
        return np.minimum(within * self.largest, samples)

    def mask(self, step: int, samples: int, *, hidden: int, rate: float) -> npt.NDArray[np.float32] | None:
        """Return the inverted dropout mask of a step, [samples, hidden]; None without dropout."""
        return dropout_mask(self.key, np.uint64(step), samples, hidden, rate) if rate else None
