"""What torchrun starts for `suites.ranks`: steps of a history tower by several processes, or by one.

    torchrun --standalone --nproc-per-node 2 -m feddmf_benchmarks.ranked_steps SIZE EVERY

SIZE is a `Size` as JSON. The first rank says "ready", and for each line that it reads how many users have
been trained on since: always as many as `Size.steps` steps of one process take.
"""

from __future__ import annotations

import json
import sys
from itertools import chain

import numpy as np
import torch

from feddmf.history import START_STD, HistoryModel
from feddmf.history_ranks import RankedTrainer
from feddmf.history_training import HistoryTrainer
from feddmf.interactions import Interactions
from feddmf.model import normal
from feddmf.ranks import STOP, Ranks, gathered, users_of_rank
from feddmf.runfile import TrainingSettings
from feddmf_benchmarks.suites.history_rows import Size, made_up

_DROPOUT, _ADDRESS = 0.3, (0, "a", "b")
# Nobody comes to the end of so many steps.
_LONG = 1_000_000


def main(size: Size, every: int) -> None:
    """Train until nobody asks any more."""
    torch.set_num_threads(1)
    with gathered(every=every) as ranks:
        if ranks is None:
            _lead(_alone(size), size, size.steps)
            return
        trainer = _ranked(size, ranks)
        if ranks.is_first:
            _lead(trainer, size, size.steps // ranks.size)
            return
        while (told := ranks.hear()) != STOP:
            trainer.follow(told)


def _lead(trainer: HistoryTrainer, size: Size, steps: int) -> None:
    for turn, _ in enumerate(chain([""], sys.stdin)):
        trainer.train(turn * steps, (turn + 1) * steps, {})
        sys.stdout.write(f"{size.steps * size.batch}\n" if turn else "ready\n")
        sys.stdout.flush()


def _alone(size: Size) -> HistoryTrainer:
    data = made_up(size)
    seen, settings = np.ones(size.items, dtype=np.bool_), _settings(size)
    return HistoryTrainer(
        _model(size, data), data, seen, settings, dropout=_DROPOUT, rounds=1, address=_ADDRESS
    )


def _ranked(size: Size, ranks: Ranks) -> RankedTrainer:
    data = made_up(size)
    own, seen, settings = users_of_rank(data, ranks), np.ones(size.items, dtype=np.bool_), _settings(size)
    return RankedTrainer(
        _model(size, data),
        own,
        seen,
        settings,
        dropout=_DROPOUT,
        rounds=1,
        address=_ADDRESS,
        ranks=ranks,
        users=data.users,
    )


def _model(size: Size, data: Interactions) -> HistoryModel:
    contexts, vectors = (
        normal((size.items, size.dim), START_STD, 0, name) for name in ("contexts", "vectors")
    )
    return HistoryModel(contexts, vectors, data)


def _settings(size: Size) -> TrainingSettings:
    return TrainingSettings.model_validate({"epochs": 10_000, "max_steps": _LONG, "batch_size": size.batch})


if __name__ == "__main__":
    main(Size(**json.loads(sys.argv[1])), int(sys.argv[2]))
