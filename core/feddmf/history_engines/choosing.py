"""The engine that a history tower is trained by."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.engine_choice import choose_engine
from feddmf.history import HistoryModel
from feddmf.history_engines.base import HistoryEngine
from feddmf.history_engines.torch_engine import TorchEngine
from feddmf.interactions import Interactions
from feddmf.runfile import TrainingSettings

__all__ = ["history_engine"]


def history_engine(
    model: HistoryModel, data: Interactions, seen: npt.NDArray[np.bool_], settings: TrainingSettings
) -> HistoryEngine:
    """Return the engine that `settings` ask for. Raises ConfigError where there is none such here."""
    chosen = choose_engine(settings.engine)
    if chosen == "compiled":
        # It needs a library that takes half a second to load.
        from feddmf.history_engines.compiled import CompiledEngine

        return CompiledEngine(model, data, seen, threads=settings.threads)
    device = "cuda" if chosen == "cuda" else "cpu"
    return TorchEngine(model, data, seen, device=device, threads=settings.threads)
