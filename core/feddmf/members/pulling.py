"""What a reply of the coordinator pulls on, checked."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from feddmf.errors import RunFailed
from feddmf.payload import Payload
from feddmf.runfile import AlignmentSettings
from feddmf.training import Pull

__all__ = ["pull_of"]


def pull_of(
    reply: Payload,
    table: str,
    codes: Tensor,
    peer_counts: npt.NDArray[np.int64],
    settings: AlignmentSettings,
) -> Pull:
    """Return the pull of eq. 4 on the rows `codes` of a table, from its targets in `reply`.

    peer_counts: int64 [rows], how many peers align each. RunFailed where the pairs cannot be so few.
    """
    pairs, least = int(reply["pairs"][0, 0]), int(np.count_nonzero(peer_counts))
    # The party believes nothing: each item that it aligns with a peer is in a pair, so there are as many.
    if pairs < least:
        raise RunFailed(
            f"the coordinator counts {pairs} pairs where this party alone aligns {least} items",
            hint="both ends must run the same version and catalogue",
        )
    return Pull(
        codes=codes,
        # The reply's memory is read-only, and torch wants to own what it is given.
        targets=torch.from_numpy(reply[table].copy()),
        single_peer=torch.from_numpy(peer_counts == 1),
        scale=settings.beta / max(pairs, 1),
        margin=settings.margin,
    )
