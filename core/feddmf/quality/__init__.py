"""How far to trust a peer's vectors for one's own users, measured on hidden items; numpy only, pure."""

from __future__ import annotations

from feddmf.quality.audience import AUDIENCE_SHARES, AudienceFigures
from feddmf.quality.evidence import Evidence
from feddmf.quality.figures import Figures, measure
from feddmf.quality.forecast import Forecast, Outlook, Sought
from feddmf.quality.groups import Group, groups
from feddmf.quality.intervals import LEVEL, Interval
from feddmf.quality.item_effect import ItemEffect
from feddmf.quality.prospects import Prospects
from feddmf.quality.reliability import Reliability
from feddmf.quality.strata import RankedColumns
from feddmf.quality.verdict import Verdict, auc_interval, auc_verdict, verdict

__all__ = [
    "AUDIENCE_SHARES",
    "LEVEL",
    "AudienceFigures",
    "Evidence",
    "Figures",
    "Forecast",
    "Group",
    "Interval",
    "ItemEffect",
    "Outlook",
    "Prospects",
    "RankedColumns",
    "Reliability",
    "Sought",
    "Verdict",
    "auc_interval",
    "auc_verdict",
    "groups",
    "measure",
    "verdict",
]
