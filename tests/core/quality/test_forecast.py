"""What audiences of any size may bring, one attribute or several: sums that agree, intervals that hold."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from feddmf.quality import Evidence, Forecast, Outlook, Prospects, RankedColumns, Sought
from feddmf.quality.item_effect import EFFECTS, ItemEffect
from feddmf.quality.ranked_evidence import RankedEvidence
from feddmf.quality.rest_effect import rest_chances, uneven_edges
from support.hidden import make_evidence

Floats = npt.NDArray[np.floating]


def both(columns: Sequence[Floats]) -> Floats:
    """Return the probability of all attributes."""
    found = np.ones_like(columns[0])
    for each in columns:
        found = found * each
    return found


def forecast_of(
    columns: Sequence[Floats],
    sizes: Sequence[int],
    prospects: Prospects | None = None,
    busiest: npt.NDArray[np.int64] | None = None,
) -> Forecast:
    """Return the forecast of users with all attributes, each measured by the same hidden items."""
    held = [column.astype(np.float32) for column in columns]
    found = both(held).astype(np.float32)
    ranked = RankedColumns(held, both, found, np.argsort(-found, kind="stable"))
    sought = [Sought(str(number), prospects) for number in range(len(columns))]
    return Forecast(sought, ranked, [*sizes, len(found)], busiest)


def covered(spread: float, size: int, attributes: int = 1) -> dict[str, float]:
    """Return for how many of new items each figure lies in its interval, as shares."""
    everything = make_evidence(5, users=200, items=500, spread=spread)
    known, inside = Prospects(everything.of_items(np.arange(200))), dict[str, list[bool]]()
    for first in range(200, 500 - attributes + 1, 2):
        places = list(range(first, first + attributes))
        columns, truth = everything.scores[:, places].T, everything.truth[:, places].all(axis=1)
        order = np.argsort(-both(columns), kind="stable")
        hits, owners = int(truth[order[:size]].sum()), int(truth.sum())
        best, _ = forecast_of(columns, [size], known).outlook(size)
        if owners:
            lift = hits / owners * 200 / size
            for name, value in (("precision", hits / size), ("recall", hits / owners), ("lift", lift)):
                interval = getattr(best, name)
                inside.setdefault(name, []).append(interval.lower - 1e-9 <= value <= interval.upper + 1e-9)
    return {name: float(np.mean(each)) for name, each in inside.items()}


@pytest.mark.parametrize("spread", [0.0, 0.8])
@pytest.mark.parametrize("size", [10, 60])
def test_intervals_cover_what_new_items_bring(spread: float, size: int) -> None:
    """Nine in ten, or a few more as users are whole, of precision, recall and lift."""
    assert all(0.86 <= share <= 0.99 for share in covered(spread, size).values())


def test_intervals_of_two_attributes_cover_too() -> None:
    """Each moves by an effect of its own."""
    assert all(0.86 <= share <= 1 for share in covered(0.8, 40, attributes=2).values())


def users_with(seed: int, users: int = 5_000) -> npt.NDArray[np.float64]:
    """Return probabilities of users for one attribute."""
    return 1 / (1 + np.exp(-np.random.default_rng(seed).normal(-3, 1.5, users)))


def test_figures_of_an_audience_agree_with_each_other() -> None:
    """Hits, precision, recall, lift and the base rate are of the same users; everybody is all of them."""
    forecast = forecast_of([users_with(0)], [100, 1000], Prospects(make_evidence(users=200)))
    for size in (100, 1000, 5_000):
        best, busiest = forecast.outlook(size)
        assert best.hits == pytest.approx(size * best.precision.value)
        assert best.recall.value == pytest.approx(best.hits / best.positives)
        assert best.lift.value == pytest.approx(best.precision.value / (best.positives / 5_000))
        assert best.lift.lower == pytest.approx(best.recall.lower * 5_000 / size)
        assert busiest is None
    assert (best.recall.lower, best.recall.value, best.recall.upper) == (1, 1, 1)


@pytest.mark.parametrize("attributes", [1, 3])
def test_what_was_not_measured_has_the_sums_of_probabilities(attributes: int) -> None:
    """And no ends: nothing at home speaks for them."""
    columns = [users_with(seed) for seed in range(attributes)]
    found = both([column.astype(np.float32) for column in columns])
    best, _ = forecast_of(columns, [50, 700]).outlook(700)
    ranked = np.sort(found)[::-1].astype(np.float64)
    assert best.hits == pytest.approx(ranked[:700].sum(), rel=1e-4)
    assert best.positives == pytest.approx(ranked.sum(), rel=1e-4)
    for interval in (best.precision, best.recall, best.lift):
        assert math.isnan(interval.lower)
        assert math.isnan(interval.upper)


def test_one_attribute_twice_is_less_than_once() -> None:
    """Combined precision is lower, and its interval moves with the effects of both."""
    known = Prospects(make_evidence(users=200, spread=0.8))
    one, _ = forecast_of([users_with(0)], [100], known).outlook(100)
    two, _ = forecast_of([users_with(0), users_with(1)], [100], known).outlook(100)
    assert two.precision.value < one.precision.value
    assert two.precision.upper / two.precision.lower > one.precision.upper / one.precision.lower


def popular(busiest: npt.NDArray[np.int64]) -> tuple[Outlook, Outlook]:
    """Return what the best 200 would bring, and what the busiest 200 would."""
    known = Prospects(make_evidence(users=200, spread=0.5))
    best, found = forecast_of([users_with(0)], [50, 200], known, busiest).outlook(200)
    assert found is not None
    return best, found


def test_the_busiest_users_are_judged_by_the_same_effects() -> None:
    """Where they are the best they bring as much; where they are the worst next to nothing, of as many."""
    order = np.argsort(-users_with(0).astype(np.float32), kind="stable")
    best, same = popular(order)
    assert same.precision.value == pytest.approx(best.precision.value, abs=0.01)
    assert same.positives == pytest.approx(best.positives, rel=0.02)
    best, worst = popular(order[::-1].copy())
    assert worst.precision.value < 0.01
    assert worst.positives == pytest.approx(best.positives, rel=0.02)
    assert worst.recall.upper < 0.05


def test_whom_an_audience_misses_is_learnt_from_hidden_items() -> None:
    """Others who have an item twice as often as their scores say, where those chosen do not."""
    evidence = make_evidence(2, users=400, items=300)
    size = 40
    chosen = np.argsort(np.argsort(-evidence.scores, axis=0, kind="stable"), axis=0) < size
    more = np.random.default_rng(1).random(evidence.truth.shape) < evidence.scores
    truth = np.where(chosen, evidence.truth, evidence.truth | more)
    for told, expected in ((evidence.truth, 0.0), (truth, 0.75)):
        ranked = RankedEvidence.of(Evidence("b", evidence.items, evidence.scores, told))
        share = size / 400
        chances = rest_chances(ranked, share, ItemEffect.of_ranked(ranked, share))
        assert chances @ EFFECTS == pytest.approx(expected, abs=0.15)


def test_without_others_or_hidden_items_the_prior_stands() -> None:
    """An audience of all users leaves nobody; nothing hidden says nothing."""
    everybody = RankedEvidence.of(make_evidence(users=20, items=5))
    nothing = RankedEvidence.of(make_evidence(users=20, items=5).of_items(np.arange(0)))
    for ranked, share in ((everybody, 1.0), (nothing, 0.2)):
        chances = rest_chances(ranked, share, ItemEffect.of_ranked(ranked, share))
        assert chances.sum() == pytest.approx(1)
        assert chances @ EFFECTS == pytest.approx(0, abs=1e-9)


def test_edges_are_closer_at_the_top() -> None:
    """They begin and end where they are told to."""
    edges = uneven_edges(10, 10_000)
    assert (edges[0], edges[-1]) == (10, 10_000)
    steps = np.diff(edges)
    assert (steps > 0).all()
    assert (np.diff(steps) >= -1).all()
    assert uneven_edges(0, 3) == [0, 1, 2, 3]


def test_sums_of_ranked_cells_are_those_of_any_audience() -> None:
    """Best first, ties by user."""
    scores = np.array([[0.25], [0.75], [0.25]], dtype=np.float32)
    ranked = RankedEvidence.of(Evidence("b", np.arange(1), scores, np.array([[True], [False], [False]])))
    assert ranked.scores.ravel().tolist() == [0, 0.75, 1.0, 1.25]
    assert ranked.hits.ravel().tolist() == [0, 0, 1, 1]
    assert (ranked.users, ranked.items, ranked.size(0.5)) == (3, 1, 2)
