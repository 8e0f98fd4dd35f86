"""The page on membership inference, from its rows: a table, a picture, and what was held to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from feddmf_party.reproduce.experiment import Rows
from feddmf_party.reproduce.tables import Spread, markdown, spread, where

__all__ = ["draw", "section"]

_LEAST_OF_PAPER = 0.85
_LEAST_OF_GRAM = 0.99
_INTRO = """\
Models are trained on random halves of the users (`feddmf privacy attack` does the same with a party's own
tables and run file); each in turn is attacked by likelihood ratios that the others teach (LiRA). Who attacks
knows a user's whole history, the seed and all released item tables. One party sells all items and trains
alone; a peer sells a random half, and the others are offered to it. Private releases are of the 1,000 items
that most users have; what is attacked there is the noisy matrix itself, of which all that is sent is made,
and its vectors. Intervals are 95 %, by the bootstrap over users.
"""


def section(rows: Rows) -> str:
    """Return the table of all cases, and whether what was held to holds."""
    head = ("case", "items", "models", "users a model", "AUC", "ceiling", "TPR at 1 % FPR", "ceiling")
    body = [_line(name, where(rows, case=name)) for name in _cases(rows)]
    return f"{_INTRO}\n{markdown(head, body)}\n" + "\n".join(_claims(rows)) + "\n"


def draw(rows: Rows, path: Path) -> None:
    """Draw the area of every case beside its ceiling."""
    from feddmf_party.reproduce.plots import bars

    titles = {"auc": "attack", "auc_ceiling": "ceiling"}
    values = {name: {each: _mean(where(rows, case=name), each) for each in titles} for name in _cases(rows)}
    bars(values, path, titles=titles, label="area under the ROC curve")


def _line(name: str, rows: Rows) -> tuple[object, ...]:
    first = rows[0]
    auc, tpr = (f"{_mean(rows, each).mean:.3f} ({_ends(rows, each)})" for each in ("auc", "tpr"))
    sizes = (first["items"], first["models"], first["users_a_model"])
    return (name, *sizes, auc, _mean(rows, "auc_ceiling"), tpr, _mean(rows, "tpr_ceiling"))


def _claims(rows: Rows) -> Iterator[str]:
    """Yield a line for each thing that is held to."""
    paper = _mean(where(rows, case="paper"), "auc").mean
    yield _claim("the attack on the paper's recipe reaches .85 at least", paper >= _LEAST_OF_PAPER, paper)
    gram = _mean(where(rows, case="Gram without noise"), "auc").mean
    yield _claim("a Gram without noise keeps nothing secret: .99 at least", gram >= _LEAST_OF_GRAM, gram)
    for row in rows:
        if row["epsilon"]:
            auc, most = float(row["auc"]), float(row["auc_ceiling"]) + 2 * float(row["auc_error"])
            yield _claim(f"{row['case']}: at most the ceiling and two standard errors", auc <= most, auc)


def _claim(words: str, holds: bool, figure: float) -> str:
    return f"- {words}: {'**holds**' if holds else '**does not hold**'} ({figure:.3f})."


def _ends(rows: Rows, figure: str) -> str:
    ends = (_mean(rows, f"{figure}_{end}").mean for end in ("lower", "upper"))
    return " to ".join(f"{end:.3f}" for end in ends)


def _mean(rows: Rows, figure: str) -> Spread:
    return spread([float(row[figure]) for row in rows if row[figure]])


def _cases(rows: Rows) -> tuple[str, ...]:
    return tuple(dict.fromkeys(row["case"] for row in rows))
