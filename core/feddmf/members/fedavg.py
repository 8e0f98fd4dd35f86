"""Federated averaging at the party: trains DeepMF on its own users, gives and takes in the shareable part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from feddmf.interactions import Interactions
from feddmf.members.deepmf import DeepMFMember
from feddmf.payload import Payload
from feddmf.plan import PartyItems
from feddmf.protocols.fedavg import CLOSE, START_STD
from feddmf.starts import keyed_normal

__all__ = ["FedAvgMember"]

# Weights count millions of samples, so that weighted vectors fit where plain ones do.
_WEIGHT_UNIT = 1e6


class FedAvgMember(DeepMFMember):
    """One party of a run of federated averaging."""

    def __init__(self, items: PartyItems, data: Interactions, offered: Sequence[str]) -> None:
        settings = items.plan.settings
        # All parties start alike: an average of models that started apart is no model.
        start = keyed_normal(items.view.keys, settings.model.embedding_dim, START_STD, settings.seed)
        super().__init__(items, data, offered, torch.from_numpy(start.astype(np.float32)))
        samples = self._sampler.samples
        self._weight = samples / _WEIGHT_UNIT if settings.fedavg.weighting == "samples" else None

    def contribute(self, phase: str, number: int, reply: Payload | None) -> Payload:
        """Take in the last average, train up to the next; return the shareable part and the loss.

        At the close nothing is trained, and the last loss alone is returned.
        """
        if reply is not None:
            self._take_in(reply)
        if phase == CLOSE:
            return Payload({"loss": self._scalar(self._loss)})
        first, last = self._trainer.span(number, self._items.plan.settings.rounds)
        self._loss = self._trainer.train(first, last, None)
        return self._shared()

    def figures(self) -> Mapping[str, float]:
        """Return the training loss."""
        return {"loss": self._loss}

    def _shared(self) -> Payload:
        vectors = self._rows(self._items.matched_codes)
        layers = torch.cat([layer.detach().ravel() for layer in self._layers()]).numpy()[None]  # [1, layers]
        loss = self._scalar(self._loss)
        if self._weight is None:
            return Payload({"vectors": vectors, "layers": layers, "loss": loss})
        weight = np.array([[self._weight]])
        return Payload(
            {
                "vectors": (vectors * weight).astype(np.float32),
                "layers": (layers * weight).astype(np.float32),
                "loss": loss,
                "weights": np.repeat(weight, len(vectors), axis=0),
                "weight": weight,
            }
        )

    def _take_in(self, reply: Payload) -> None:
        """Overwrite rows and layers by the average; Adam's moments stay the party's own."""
        layers = self._layers()
        parts = np.split(reply["layers"][0], np.cumsum([layer.numel() for layer in layers])[:-1])
        with torch.no_grad():
            # The reply's memory is read-only, and torch wants to own what it is given.
            self.model.items[self._items.matched_codes] = torch.from_numpy(reply["vectors"].copy())
            for layer, part in zip(layers, parts, strict=True):
                layer.copy_(torch.from_numpy(part.copy()).view_as(layer))

    def _layers(self) -> tuple[Tensor, ...]:
        """Return the shared layers, in the order of the wire."""
        model = self.model
        return (model.user_weight, model.item_weight, model.bias, model.out_weight, model.out_bias)

    @staticmethod
    def _scalar(value: float) -> npt.NDArray[np.float32]:
        return np.array([[value]], dtype=np.float32)
