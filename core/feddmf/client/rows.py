"""What the query API says of attributes, sizes, peers and changes, as rows of the client's frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from feddmf.client.frames import interval_columns

__all__ = ["change_row", "listed_row", "point_row", "quality_rows"]

Json = dict[str, Any]


def listed_row(each: Json) -> Json:
    """Return an attribute that is listed as a row of ATTRIBUTES."""
    best: Json = next((one for one in each["evidence"] if one["owner"] == each.get("best")), {})
    return {
        **each,
        **interval_columns("roc_auc", best.get("roc_auc")),
        "hidden_items": best.get("hidden_items"),
    }


def point_row(each: Json) -> Json:
    """Return a point of a preview's curve as a row of CURVE."""
    expected = each["expected"] or {}
    intervals = [interval_columns(name, expected.get(name)) for name in ("precision", "recall", "lift")]
    return {**each, **intervals[0], **intervals[1], **intervals[2], "hits": expected.get("hits")}


def quality_rows(peer: Json) -> Iterator[Json]:
    """Yield what is said of a peer as rows of QUALITY: its items, then each user attribute."""
    items = peer["items"]
    figures = items["figures"] or {}
    yield {
        **items,
        "peer": peer["peer"],
        **interval_columns("roc_auc", items["roc_auc"]),
        **interval_columns("average_precision", figures.get("average_precision")),
        "base_rate": figures.get("base_rate"),
    }
    for each in peer["user_attributes"]:
        evidence = each["evidence"] or {"verdict": "not measured", "reasons": ["its owner has too few users"]}
        yield {
            **evidence,
            "peer": peer["peer"],
            "key": each["key"],
            "label": each["label"],
            **interval_columns("roc_auc", evidence.get("roc_auc")),
        }


def change_row(each: Json) -> Json:
    """Return an attribute that came, went or changed as a row of CHANGES."""
    found = dict(each)
    for when in ("before", "after"):
        standing = each.get(when) or {}
        found[f"verdict_{when}"] = standing.get("verdict")
        found[f"roc_auc_{when}"] = (standing.get("roc_auc") or {}).get("value")
    return found
