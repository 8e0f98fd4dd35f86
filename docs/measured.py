"""The table and the picture of docs/protocols.md, made from results/: what each way costs and gives."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

__all__ = ["picture", "table_lines"]

DATA = {"ml-latest-small": "MovieLens", "online-retail": "Online Retail"}
COLOURS = {"ml-latest-small": "#0b6e99", "online-retail": "#d9730d"}
# By the names that rows have: what the page calls it.
WAYS = {
    "default": "feddmf, as it comes",
    "default, full linear rank": 'feddmf, `linear_rank = "full"`',
    "5 a training": "feddmf, `alignment.max_rounds = 5`",
    "once": 'feddmf, `alignment.method = "once"`',
    "embedding": 'feddmf, `recipe = "embedding"`',
    "transfer": "transfer",
    "fcf": "fcf",
    "popularity x activity": "no federation: sales counts and activity",
}
# What stands beside a point, and on which side of it there is room.
MARKS = {
    "default": ("default", -12, "end"),
    "default, full linear rank": ("full rank", 12, "start"),
    "5 a training": ("5 exchanges", -12, "end"),
    "once": ("once", 12, "start"),
    "embedding": ("embedding", 12, "start"),
    "transfer": ("transfer", 12, "start"),
    "fcf": ("fcf", 12, "start"),
}
LABEL = 'aria-label="Average precision over megabytes sent, by protocol and data set"'
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#37352f;paint-order:stroke;stroke:#fff;stroke-width:4px}"
    ".small{font-size:12px;fill:#6b6a66}.middle{text-anchor:middle}"
)
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 400, 64, 30, 56, 52
LEAST_MB, MOST_MB, LEAST, MOST = 1.0, 500.0, 0.1, 0.55


@dataclass(frozen=True)
class Way:
    """Means over seeds of one way on one data set."""

    precision: float
    roc_auc: float
    by_user: float
    rounds: float
    megabytes: float


def measured(results: Path) -> dict[tuple[str, str], Way]:
    """Return what was measured, by data set and name of the row."""
    rows: dict[tuple[str, str], list[dict[str, str]]] = {}
    with (results / "quality.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows.setdefault((row["data"], row["variant"]), []).append(row)

    def over_seeds(found: list[dict[str, str]], column: str) -> float:
        return mean(float(row[column]) for row in found)

    return {
        key: Way(
            precision=over_seeds(found, "average_precision"),
            roc_auc=over_seeds(found, "roc_auc"),
            by_user=over_seeds(found, "user_roc_auc"),
            rounds=over_seeds(found, "rounds"),
            megabytes=over_seeds(found, "bytes_sent") / 1e6,
        )
        for key, found in rows.items()
    }


def table_lines(results: Path) -> Iterator[str]:
    """Yield the lines of the Markdown table: a way a line, its figures on both data sets."""
    found = measured(results)
    columns = ("average precision", "ROC-AUC", "by user", "exchanges", "MB sent")
    yield "| way | " + " | ".join(columns) + " |"
    yield "|---|" + "--:|" * len(columns)
    for name, shown in WAYS.items():
        films, shop = (found[data, name] for data in DATA)
        yield (
            f"| {shown} | {films.precision:.3f}, {shop.precision:.3f} "
            f"| {films.roc_auc:.3f}, {shop.roc_auc:.3f} | {films.by_user:.3f}, {shop.by_user:.3f} "
            f"| {films.rounds:.0f} | {films.megabytes:.1f}, {shop.megabytes:.1f} |"
        )


def picture(results: Path) -> str:
    """Return the SVG: average precision of each way over the megabytes that it sends, as their logarithm."""
    return "\n".join([*_frame(), *_points(measured(results)), "</svg>"]) + "\n"


def _x(megabytes: float) -> float:
    share = math.log(megabytes / LEAST_MB) / math.log(MOST_MB / LEAST_MB)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(precision: float) -> float:
    return HEIGHT - BOTTOM - (precision - LEAST) / (MOST - LEAST) * (HEIGHT - TOP - BOTTOM)


def _frame() -> Iterator[str]:
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" {LABEL}>'
    yield f"<style>{STYLE}</style>"
    yield f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#fff"/>'
    for precision in (0.2, 0.3, 0.4, 0.5):
        y = _y(precision)
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#e6e5e1"/>'
        yield f'<text class="small" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{precision:.1f}</text>'
    for megabytes in (1, 3, 10, 30, 100, 300):
        x = _x(megabytes)
        yield f'<path d="M{x:.1f} {HEIGHT - BOTTOM}v5" stroke="#6b6a66"/>'
        yield f'<text class="small middle" x="{x:.1f}" y="{HEIGHT - BOTTOM + 19}">{megabytes}</text>'
    yield f'<path d="M{LEFT} {HEIGHT - BOTTOM}H{WIDTH - RIGHT}" stroke="#6b6a66"/>'
    middle = (LEFT + WIDTH - RIGHT) / 2
    yield f'<text class="middle" x="{middle}" y="{HEIGHT - 10}">MB that leave all parties together</text>'
    yield f'<text x="{LEFT - 44}" y="24">average precision</text>'


def _points(found: dict[tuple[str, str], Way]) -> Iterator[str]:
    for number, (data, shown) in enumerate(DATA.items()):
        colour = COLOURS[data]
        x = WIDTH - RIGHT - 300 + number * 150
        yield f'<circle cx="{x}" cy="20" r="5" fill="{colour}"/><text x="{x + 12}" y="24">{shown}</text>'
        baseline = _y(found[data, "popularity x activity"].precision)
        yield f'<path d="M{LEFT} {baseline:.1f}H{WIDTH - RIGHT}" stroke="{colour}" stroke-dasharray="4 4"/>'
        yield f'<text class="small" x="{WIDTH - RIGHT}" y="{baseline + 16:.1f}" text-anchor="end">'
        yield f"{shown}: sales counts and activity alone</text>"
        for name, (text, aside, anchor) in MARKS.items():
            way = found[data, name]
            x, y = _x(way.megabytes), _y(way.precision)
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>'
            yield f'<text x="{x + aside:.1f}" y="{y + 4:.1f}" text-anchor="{anchor}">{text}</text>'
