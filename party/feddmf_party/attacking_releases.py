"""What a party would release in a run, trained alone: its own members, with a coordinator that echoes.

Peers do not take part: where a run ties vectors, the reply is what the party itself has sent, and where it
pulls them, the pull has weight 0. Peers would mix what their own users taught into it, so that a party alone
tells more of its users. The first training of a history tower, which hides items, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.errors import InputError
from feddmf.interactions import Interactions
from feddmf.members.base import Member
from feddmf.members.registry import member_for
from feddmf.payload import Axis, Payload
from feddmf.plan import PartyItems, Plan
from feddmf.privacy.attack_statistics import Released, Table
from feddmf.protocols.feddmf import ALIGN
from feddmf.protocols.registry import protocol_for
from feddmf.protocols.tables import TABLES
from feddmf.user_attributes import UserAttributes

__all__ = ["alone", "of_users", "release_alone"]

_ATTACKED = ("feddmf", "transfer")


def alone(plan: Plan) -> Plan:
    """Return `plan` for a party that nobody pulls and that hides nothing.

    Raises InputError for a protocol of sums.
    """
    settings = plan.settings
    if settings.protocol not in _ATTACKED:
        raise InputError(
            f"run {plan.run} is of {settings.protocol}, whose sums over users no attack here reads",
            hint=f"attack a run of {' or '.join(_ATTACKED)}",
        )
    pull = {"beta": 0.0} if settings.alignment.method == "cosine" else {}
    alignment = settings.alignment.model_copy(update={"hidden_share": 0.0, **pull})
    return plan.model_copy(update={"settings": settings.model_copy(update={"alignment": alignment})})


def release_alone(
    items: PartyItems,
    data: Interactions,
    offered: Sequence[str],
    attributes: UserAttributes | None = None,
) -> Released:
    """Return the item tables that leave a party of these users in the plan of `items`, which is of `alone`.

    offered: products alone; attributes: which items are in no history.
    """
    member = member_for(items, data, offered, attributes)
    sent = _contributed(member, items)
    published = member.publications()["vectors"]
    matched, asked = items.matched_codes, items.codes(tuple(offered))
    if items.plan.settings.protocol == "transfer":
        tables = {"contexts": Table(matched, sent["contexts"]), "targets": Table(asked, published)}
        return Released(tables, (("contexts", "targets"),))
    dim = items.plan.settings.model.embedding_dim
    # Vectors that are aligned by maps alone are published, and not uploaded.
    uploaded = sent.get("vectors", np.zeros((0, dim), dtype=np.float32))
    vectors = _joined(Table(matched[: len(uploaded)], uploaded), Table(asked, published[:, :dim]))
    if not items.plan.settings.has_history:
        return Released({"vectors": vectors})
    tables = {"vectors": vectors, "contexts": Table(matched, sent["contexts"])}
    if items.plan.settings.linear_columns and len(asked):
        tables["linear"] = Table(matched, sent["linear"])
        tables["targets"] = Table(asked, published[:, published.shape[1] - sent["linear"].shape[1] :])
    pairs = (("contexts", "vectors"), ("linear", "targets"))
    return Released(tables, tuple(pair for pair in pairs if set(pair) <= set(tables)))


def of_users(attributes: UserAttributes | None, users: npt.NDArray[np.integer]) -> UserAttributes | None:
    """Return the attributes of the users with these codes alone."""
    return None if attributes is None else replace(attributes, known=attributes.known[users])


def _contributed(member: Member, items: PartyItems) -> dict[str, npt.NDArray[Any]]:
    """Take `member` through its phases, echoed; return the last array of each name that it sent."""
    sent: dict[str, npt.NDArray[Any]] = {}
    reply = None
    for phase in protocol_for(items.plan.settings.protocol).phases(items.plan):
        over_items = {spec.name for spec in phase.contribution.arrays if spec.axis is not Axis.ONE}
        for number in range(phase.rounds):
            payload = member.contribute(phase.name, number, reply)
            reply = _echo(payload, items) if phase.name == ALIGN else None
        sent |= {name: np.array(array) for name, array in payload.items() if name in over_items}
    return sent


def _echo(payload: Payload, items: PartyItems) -> Payload:
    """Return a reply in which the peers agree with whatever the party sent."""
    count = len(items.aligned)
    rows = {name: payload[name][:count] for name in TABLES if name in payload}
    return Payload({**rows, "pairs": np.array([[count]], dtype=np.uint64)})


def _joined(first: Table, second: Table) -> Table:
    """Return the rows of both; of an item in both those of the first."""
    more = ~np.isin(second.codes, first.codes)
    codes = np.concatenate([first.codes, second.codes[more]])
    return Table(codes, np.concatenate([first.rows, second.rows[more]]))
