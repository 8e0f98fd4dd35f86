"""Runs of every protocol: small enough to be had by the hundred, long enough to be killed in the middle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from feddmf.payload import ReleaseKind
from feddmf.runfile import RunSettings
from support.federation import quick_run

__all__ = ["PLANS", "POLICY", "plan_of"]

# Whoever was killed comes back within these, also on a machine that does much else.
_WAITS = {"join_s": 120, "round_s": 120, "absent_s": 90, "publish_s": 120}
_HISTORY: dict[str, Any] = {
    "recipe": "default",
    "model": {"tower": "history", "embedding_dim": 8},
    "training": {"epochs": 20, "batch_size": 8, "max_steps": 100},
    "alignment": {"method": "tie", "max_rounds": 8, "hidden_share": 0.2},
    "linear_rank": 4,
}
_ID: dict[str, Any] = {
    "training": {"epochs": 16, "batch_size": 256},
    "alignment": {"syncs_per_epoch": 1, "max_rounds": 16},
}
_FEDAVG: dict[str, Any] = {**_ID, "protocol": "fedavg", "fedavg": {"syncs_per_epoch": 1, "max_rounds": 16}}
_FCF: dict[str, Any] = {"protocol": "fcf"}
_TRANSFER: dict[str, Any] = {"protocol": "transfer", "transfer": {"rank": 3}}
# Little enough of the budget for hundreds of runs.
_PRIVATE: dict[str, Any] = {"privacy": {"mode": "gram", "epsilon": 0.5}}

PLANS: Mapping[str, Mapping[str, Any]] = {
    "feddmf-id": _ID,
    "feddmf-history": _HISTORY,
    "feddmf-history-cosine": {
        **_HISTORY,
        "alignment": {**_HISTORY["alignment"], "method": "cosine", "encoding": "float16"},
    },
    "feddmf-history-once": {**_HISTORY, "alignment": {"method": "once"}},
    "feddmf-private": {**_HISTORY, **_PRIVATE},
    "fedavg": _FEDAVG,
    "fedavg-masked": {**_FEDAVG, "masks": True},
    "fcf-mm": {**_FCF, "fcf": {"rank": 4, "rounds": 16, "method": "mm"}},
    "fcf-adam": {**_FCF, "fcf": {"rank": 4, "rounds": 16, "method": "adam"}},
    "fcf-exact": {**_FCF, "fcf": {"rank": 4, "rounds": 16, "method": "exact"}},
    "fcf-masked": {**_FCF, "masks": True, "fcf": {"rank": 4, "rounds": 16}},
    "transfer": _TRANSFER,
    "transfer-private": {**_TRANSFER, **_PRIVATE},
}

POLICY = f"""\
protocols = ["feddmf", "fedavg", "fcf", "transfer"]
release_kinds = {json.dumps([kind.value for kind in ReleaseKind])}

[privacy]
lifetime_epsilon = 1000
override_by = "Ann Example"
"""


def plan_of(name: str, parties: tuple[str, ...]) -> RunSettings:
    """Return the settings of one of PLANS; each has a seed of its own, which a policy lets be used once."""
    return quick_run(parties, **PLANS[name], waits=_WAITS, name=name, seed=list(PLANS).index(name))
