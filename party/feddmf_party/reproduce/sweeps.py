"""Figures 6, 7 and 8 of the FedDMF paper: one share of the split at a time is swept, per party.

The caption of figure 6 names the first party's share of the items and the text about it the share of the
users; for figure 8 it is the other way round. Both sweeps are run and labelled by what is varied: fig6 the
items (its caption), fig8 the users (its caption).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from feddmf_party.reproduce.cells import MEASURED, Cell, work_through
from feddmf_party.reproduce.experiment import Experiment, Options, Row, Rows, Told
from feddmf_party.reproduce.plots import Curve, Panel, curves
from feddmf_party.reproduce.tables import Spread, markdown, spread, where

__all__ = ["FIG6", "FIG7", "FIG8"]

_COLUMNS = ("share", "contender", "seed", "party", "side", *MEASURED)
_CONTENDERS = ("feddmf", "random")
_NEGATIVES = 4
_QUICK_SHARES = (0.3, 0.5)
_EVEN = "0.5"
# Differences under this are within what seeds do.
_LEVEL = 0.01
_AMBIGUOUS = (
    "The paper's caption of figure 6 names the items and its text the users, figure 8 has them exchanged;\n"
    "here fig6 varies the items and fig8 the users, as the captions say.\n"
)


@dataclass(frozen=True)
class _Sweep:
    """What is varied: the argument of the split, in words, over which shares; claims: the verdict."""

    argument: str
    words: str
    shares: tuple[float, ...]
    note: str
    claims: Callable[[Rows], list[str]]

    def run(self, options: Options, told: Told) -> Iterator[Row]:
        """Yield the rows of all shares, seeds and contenders."""
        training = {"negatives": _NEGATIVES} | ({"epochs": 6, "batch_size": 256} if options.quick else {})
        cells = [
            Cell(
                name,
                seed,
                {"share": share, "contender": name, "seed": seed},
                shares={self.argument: share},
                sections={"training": training},
            )
            for seed in options.seeds
            for share in (_QUICK_SHARES if options.quick else self.shares)
            for name in _CONTENDERS
        ]
        return work_through(cells, options, told)

    def plot(self, rows: Rows, path: Path) -> None:
        """Draw F1 by share, a curve a party; training cells left, test cells right."""
        shares = _shares(rows)
        panels = [
            Panel(
                title,
                self.words,
                "F1 at .5",
                [
                    Curve(
                        f"{label}, {name}", [float(each) for each in shares], _curve(rows, name, number, side)
                    )
                    for name, number, label in (
                        ("feddmf", "1", "first party"),
                        ("feddmf", "2", "second party"),
                        ("random", "", "both"),
                    )
                ],
            )
            for side, title in (
                ("train", "Own items (training cells)"),
                ("test", "The other's items (test cells)"),
            )
        ]
        curves(panels, path)

    def section(self, rows: Rows) -> str:
        """Return the table by share, and what held of what the paper says."""
        head = (
            self.words,
            "train, first",
            "train, second",
            "test, first",
            "test, second",
            "test, random",
            "test AP",
        )
        body = []
        for share in _shares(rows):
            at = where(rows, share=share)
            cells = [_f1(at, "feddmf", number, side) for side in ("train", "test") for number in ("1", "2")]
            precision = _f1(at, "feddmf", "", "test", metric="average_precision")
            body.append((share, *cells, _f1(at, "random", "", "test"), precision))
        claims = "".join(f"- {line}\n" for line in self.claims(rows))
        return (
            f"F1 at .5 of FedDMF (beta 10, m 0, {_NEGATIVES} negatives), by the {self.words};\n"
            "average precision (AP) is the mean of both parties. Everything else is split evenly.\n"
            f"{self.note}\n"
            f"{markdown(head, body)}\n{claims}"
        )


def _shares(rows: Rows) -> list[str]:
    return sorted({row["share"] for row in rows}, key=float)


def _f1(rows: Rows, name: str, party: str, side: str, *, metric: str = "f1_at_half") -> Spread:
    """Return the spread over seeds for one party, or of the mean of both where `party` is empty."""
    found = where(rows, contender=name, side=side)
    found = where(found, party=party) if party else found
    seeds = sorted({row["seed"] for row in found})
    return spread([spread([float(row[metric]) for row in where(found, seed=seed)]).mean for seed in seeds])


def _curve(rows: Rows, name: str, party: str, side: str) -> list[Spread]:
    return [_f1(where(rows, share=share), name, party, side) for share in _shares(rows)]


def _means(rows: Rows, party: str, side: str, *, name: str = "feddmf") -> dict[str, float]:
    found = zip(_shares(rows), _curve(rows, name, party, side), strict=True)
    return {share: each.mean for share, each in found}


def _held(what: str, held: bool, shown: dict[str, float]) -> str:
    figures = ", ".join(f"{share}: {value:.3f}" for share, value in shown.items())
    return f"*{what}* {'Held' if held else 'Did not hold'} ({figures})."


def _items_claims(rows: Rows) -> list[str]:
    train, test = _means(rows, "1", "train"), _means(rows, "", "test")
    first, last = min(train, key=float), max(train, key=float)
    return [
        _held(
            "A party with few items of its own fits them best (first party, training).",
            train[first] > train[last] + _LEVEL,
            train,
        ),
        _best_even("With items split evenly the test F1 of both parties together is best.", test),
    ]


def _users_claims(rows: Rows) -> list[str]:
    train, test = _means(rows, "1", "train"), _means(rows, "", "test")
    few = [value for share, value in train.items() if float(share) < float(_EVEN)]
    many = [value for share, value in train.items() if float(share) >= float(_EVEN)]
    return [
        _held(
            "A party with half of the users or more fits its own items better than one with fewer.",
            bool(few and many) and min(many) > max(few) - _LEVEL,
            train,
        ),
        _best_even("With users split evenly the test F1 of both parties together is best.", test),
    ]


def _matched_claims(rows: Rows) -> list[str]:
    test, chance = _means(rows, "", "test"), _means(rows, "", "test", name="random")
    shares = list(test)
    peak = max(test, key=lambda share: test[share])
    falls = test[shares[-1]] < test[peak] - _LEVEL
    return [
        _held(
            "More matched items help at first.",
            peak != shares[0] and test[peak] > test[shares[0]] + _LEVEL,
            test,
        ),
        _held("Beyond a threshold the F1 falls again.", peak not in {shares[0], shares[-1]} and falls, test),
        _held(
            "The F1 of random predictions rises with the share of matched items.",
            chance[shares[-1]] > chance[shares[0]] + _LEVEL,
            chance,
        ),
    ]


def _best_even(what: str, test: dict[str, float]) -> str:
    return _held(what, max(test.values()) <= test[_EVEN] + _LEVEL, test)


def _experiment(name: str, title: str, sweep: _Sweep) -> Experiment:
    return Experiment(name, title, _COLUMNS, sweep.run, sweep.plot, sweep.section)


_FIVE = (0.1, 0.3, 0.5, 0.7, 0.9)

FIG6 = _experiment(
    "fig6",
    "FedDMF, figure 6: share of the items",
    _Sweep(
        "item_share",
        "first party's share of the unmatched items",
        (0.1, 0.2, 0.3, 0.4, 0.5),
        _AMBIGUOUS,
        _items_claims,
    ),
)
FIG7 = _experiment(
    "fig7",
    "FedDMF, figure 7: share of matched items",
    _Sweep("matched", "share of matched items", (0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9), "", _matched_claims),
)
FIG8 = _experiment(
    "fig8",
    "FedDMF, figure 8: share of the users",
    _Sweep("user_share", "first party's share of the users", _FIVE, _AMBIGUOUS, _users_claims),
)
