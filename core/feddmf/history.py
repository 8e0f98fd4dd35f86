"""DeepMF with a history tower: a user's vector is made from the items that the user has.

Source: Xue et al., "Deep matrix factorization models for recommender systems" (2017), whose user tower takes
the interaction row, with the layers of FedDMF's eq. 1 reduced to a scalar product, so that all of a score
that crosses a boundary is in the item vectors:

    p_u = tanh(1.5 sum of e_i over the user's n_u items / sqrt(n_u + 5) + c)
    y_ui = sigmoid(p_u . q_i + b_i + a_0 (ln(n_u + 1) - 4.5) + a_1)

e_i is the context vector of an item, q_i its item vector. b_i grows with the item's number of buyers; it
stays at home, as do a_0, a_1 and c.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from feddmf.history_vectors import DAMPING, SCALE
from feddmf.interactions import Interactions

__all__ = ["START_STD", "USUAL_ACTIVITY", "HistoryModel", "cell_loss"]

START_STD = 0.02
"""Standard deviation of context and item vectors at the start."""

USUAL_ACTIVITY = 4.5
"""About the logarithm of the activity of an active user, so that a_1 starts where it ends."""

# Pseudo-counts of the starting item biases.
_PRIOR_BUYERS, _PRIOR_USERS = 0.3, 10.0


class HistoryModel(nn.Module):
    """Context and item vectors [items, dim], as they start; biases start at the items' shares of users."""

    def __init__(self, contexts: Tensor, vectors: Tensor, data: Interactions) -> None:
        super().__init__()
        self.contexts = nn.Parameter(contexts)
        self.vectors = nn.Parameter(vectors)
        buyers = torch.from_numpy(data.item_counts()).to(vectors.dtype)
        self.bias = nn.Parameter(torch.logit((buyers + _PRIOR_BUYERS) / (data.users + _PRIOR_USERS)))
        self.constant = nn.Parameter(torch.zeros(vectors.shape[1]))
        self.activity = nn.Parameter(torch.tensor([1.0, 0.0]))

    def users(self, items: Tensor, offsets: Tensor, counts: Tensor, keep: Tensor | None = None) -> Tensor:
        """Return user vectors [users, dim] for histories `items` [pairs] that begin at `offsets` [users].

        counts: float [users], the users' numbers of items; keep: float [pairs], what each item counts for.
        """
        weights = torch.ones(len(items), dtype=self.contexts.dtype) if keep is None else keep
        sums = nn.functional.embedding_bag(
            items, self.contexts, offsets, mode="sum", per_sample_weights=weights
        )
        return torch.tanh(SCALE * sums / torch.sqrt(counts + DAMPING)[:, None] + self.constant)

    def shifts(self, counts: Tensor) -> Tensor:
        """Return what a user's activity adds to each of its logits, [users]."""
        return self.activity[0] * (torch.log1p(counts) - USUAL_ACTIVITY) + self.activity[1]

    def arrays(self) -> Mapping[str, Tensor]:
        """Return every trained tensor by name."""
        return {name: tensor.detach() for name, tensor in self.named_parameters()}


class _CellLoss(torch.autograd.Function):
    """Binary cross-entropy over a block of cells, with its gradient in closed form: sigmoid(z) - y.

    Autograd would keep and walk several copies of the block, which is all of the cost of a step.
    """

    @staticmethod
    def forward(  # noqa: PLR0917  (torch passes them by place)
        ctx: Any, users: Tensor, vectors: Tensor, bias: Tensor, shifts: Tensor, seen: Tensor, at: Tensor
    ) -> Tensor:
        logits = torch.addmm(bias, users, vectors.T).add_(shifts[:, None])  # [users, items]
        flat = logits.view(-1)
        loss = (nn.functional.softplus(logits).sum(0) * seen).sum() - flat[at].sum()
        gradient = flat.sigmoid_()
        gradient[at] -= 1
        ctx.save_for_backward(logits.mul_(seen), users, vectors)
        return loss

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        cells, users, vectors = ctx.saved_tensors
        cells = cells * upstream
        return cells @ vectors, cells.T @ users, cells.sum(0), cells.sum(1), None, None


def cell_loss(
    users: Tensor, vectors: Tensor, bias: Tensor, shifts: Tensor, *, seen: Tensor, at: Tensor
) -> Tensor:
    """Return the summed binary cross-entropy over all cells [users, items] whose item is `seen`.

    users: [users, dim]; vectors: [items, dim]; bias: [items]; shifts: [users]; seen: [items], 1 or 0;
    at: int64, the positive cells as user * items + item, of seen items only.
    """
    loss: Tensor = _CellLoss.apply(users, vectors, bias, shifts, seen, at)  # type: ignore[no-untyped-call]
    return loss
