"""The columns of each frame, with their types; see `feddmf.client.frames`."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = [
    "ATTRIBUTES",
    "AUDIENCE",
    "AUDIENCES",
    "CHANGES",
    "CURVE",
    "EXPORTS",
    "PREDICTIONS",
    "QUALITY",
    "RUNS",
    "TOP_ATTRIBUTES",
    "WHY",
]

Columns = Mapping[str, str]


def _interval(name: str) -> dict[str, str]:
    return dict.fromkeys((name, f"{name}_lower", f"{name}_upper"), "number")


def _texts(*names: str) -> dict[str, str]:
    return dict.fromkeys(names, "text")


RUNS: Columns = MappingProxyType({**_texts("run", "protocol"), "finished_at": "time"})

ATTRIBUTES: Columns = MappingProxyType(
    {
        **_texts("key", "label", "owner", "kind", "verdict"),
        "calibrated": "flag",
        "threshold": "number",
        **_interval("roc_auc"),
        "hidden_items": "whole",
        "until": "time",
    }
)

PREDICTIONS: Columns = MappingProxyType(
    {
        **_texts("user", "attribute", "owner"),
        "score": "number",
        "above_threshold": "flag",
        "verdict": "text",
    }
)

AUDIENCE: Columns = MappingProxyType({"rank": "whole", "user": "text", "score": "number"})

CURVE: Columns = MappingProxyType(
    {
        "size": "whole",
        "probability": "number",
        **_interval("precision"),
        **_interval("recall"),
        **_interval("lift"),
        "hits": "number",
        "popularity": "number",
    }
)

TOP_ATTRIBUTES: Columns = MappingProxyType(
    {
        "user": "text",
        "rank": "whole",
        **_texts("attribute", "label", "owner"),
        "score": "number",
        "above_threshold": "flag",
        "verdict": "text",
    }
)

WHY: Columns = MappingProxyType(
    {
        **_texts("key", "label"),
        **dict.fromkeys(("score_without", "effect", "similarity"), "number"),
        "matched_with": "any",
    }
)

QUALITY: Columns = MappingProxyType(
    {
        **_texts("peer", "key", "label", "verdict", "source"),
        **_interval("roc_auc"),
        **_interval("average_precision"),
        "base_rate": "number",
        "threshold": "number",
        "hidden_items": "whole",
        "reasons": "any",
    }
)

CHANGES: Columns = MappingProxyType(
    {
        **_texts("key", "label", "owner", "what", "verdict_before", "verdict_after"),
        **dict.fromkeys(("roc_auc_before", "roc_auc_after"), "number"),
        **_texts("roc_auc", "why"),
    }
)

AUDIENCES: Columns = MappingProxyType(
    {
        **_texts("name", "run", "described"),
        **dict.fromkeys(("all", "any", "none"), "any"),
        "size": "whole",
        "above": "number",
        "threshold": "flag",
        "users": "whole",
        **_interval("precision"),
        "hits": "number",
        "created_at": "time",
        "created_by": "text",
    }
)

EXPORTS: Columns = MappingProxyType(
    {
        **_texts("id", "audience", "run", "format", "state"),
        **dict.fromkeys(("rows", "size"), "whole"),
        **dict.fromkeys(("asked_at", "ended_at"), "time"),
        **_texts("by", "error", "hint"),
    }
)
