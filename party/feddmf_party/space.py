"""How much of the disk a run may take at a party, from its plan: looked at before the party joins."""

from __future__ import annotations

from feddmf.payload import Axis
from feddmf.plan import PartyItems
from feddmf.protocols.registry import protocol_for

__all__ = ["kept_bytes"]

# Adam keeps two moments of every number beside it, and a state is written before the one before it goes.
_STATES = 2 * 3
_NUMBER_BYTES = 4
# A history tower has context vectors and a bias beside an item's vector; what is measured of it is smaller.
_TABLES = 3


def kept_bytes(items: PartyItems, *, users: int, offered: int) -> int:
    """Return the most that the party's folder may hold of a run at once, in bytes.

    The states of the training, all replies of its longest phase (there may be no state between them), and the
    finished run with what each peer may publish.
    """
    plan = items.plan
    settings, protocol, sizes = plan.settings, protocol_for(plan.settings.protocol), items.sizes(offered)
    rows = _TABLES * len(items.view.items) + (0 if settings.has_history else users)
    states = _STATES * rows * settings.model.embedding_dim * _NUMBER_BYTES
    replies = max(phase.rounds * phase.reply.nbytes(sizes) for phase in protocol.phases(plan))
    finished = (rows + users) * settings.model.embedding_dim * _NUMBER_BYTES
    # A peer's offer is not known before it comes; most catalogues are alike in size.
    theirs = {**sizes, Axis.OFFERED_ITEMS: len(items.view.items)}
    published = (len(plan.roster) - 1) * protocol.publication(plan).nbytes(theirs)
    return states + replies + finished + published
