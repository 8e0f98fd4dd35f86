"""Heads fitted on hidden cells: what they learn, and what they do where there is little to learn from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch

from feddmf import head_fitting
from feddmf.evaluation import calibration_error, f1_at, f1_best, roc_auc, threshold_best
from feddmf.head import FEATURES, Head
from feddmf.head_fitting import FEWEST_CELLS, FittedHead, fit_head

USERS, ITEMS = 100, 60
NETWORK_ARRAYS = set(Head.__dataclass_fields__) - {"threshold", "centre", "factor"}
Hidden = tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_], npt.NDArray[np.int64]]


def hidden_cells(seed: int = 0, *, users: int = USERS, items: int = ITEMS, base: float = -3.0) -> Hidden:
    """Return features, truth and items of cells whose logit is base + 1.5 tower + |linear| - 0.5."""
    draws = np.random.default_rng(seed)
    features = draws.standard_normal((users * items, len(FEATURES))).astype(np.float32)
    logits = base + 1.5 * features[:, 0] + np.abs(features[:, 1]) - 0.5
    truth = draws.random(len(logits)) < 1 / (1 + np.exp(-logits))
    return features, truth, np.tile(np.arange(items) + 7, users)


def fit(hidden: Hidden, *, seed: int = 0, address: str = "b") -> FittedHead:
    """Return the head of cells that suffice."""
    fitted = fit_head(*hidden, seed=seed, address=address, threads=1)
    assert fitted is not None
    return fitted


@pytest.fixture(scope="module")
def fitted() -> FittedHead:
    """Return a head with layers, fitted in all steps."""
    return fit(hidden_cells())


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fit in a few steps, where it does not matter how well."""
    monkeypatch.setattr(head_fitting, "_STEPS", 20)


def test_a_head_learns_what_no_logistic_regression_can(fitted: FittedHead) -> None:
    """On new cells it ranks nearly as well as the truth's own logit, by |linear| too, and is calibrated."""
    features, truth, _ = hidden_cells(1)
    ideal = 1.5 * features[:, 0] + np.abs(features[:, 1])
    found = fitted.head.probabilities(features)
    assert roc_auc(truth, found) > roc_auc(truth, ideal) - 0.015
    assert roc_auc(truth, found) > roc_auc(truth, features[:, 0]) + 0.005
    assert calibration_error(truth, found) < 0.02
    assert f1_at(truth, found, fitted.head.threshold) > f1_best(truth, found) - 0.03


def test_the_threshold_is_the_best_out_of_fold(fitted: FittedHead) -> None:
    """It is chosen on probabilities that the head's networks gave of items they had not seen."""
    assert fitted.out_of_fold.dtype == np.float32
    assert fitted.head.threshold == threshold_best(hidden_cells()[1], fitted.out_of_fold)


@pytest.mark.usefixtures("quick")
def test_an_item_is_not_seen_by_the_network_that_judges_it() -> None:
    """Turning the truth of one item round changes the probabilities of other folds, and not its own."""
    features, truth, items = hidden_cells()
    other = truth.copy()
    inside = items == 7
    other[inside] = ~truth[inside]
    other[np.flatnonzero(inside)[:2]] = [True, False]  # positive cells decide which items are dealt first
    first, second = (fit((features, kind, items)).out_of_fold for kind in (truth, other))
    assert (first[inside] == second[inside]).all()
    assert (first[~inside] != second[~inside]).mean() > 0.5


def test_numpy_and_torch_agree(fitted: FittedHead) -> None:
    """The head answers what the networks that were fitted say, within 1e-5."""
    features = hidden_cells(2)[0]
    stored = fitted.head.arrays()
    networks = {name: torch.from_numpy(stored[name]) for name in NETWORK_ARRAYS}
    seen = torch.from_numpy(fitted.head.standardised(features))
    logits = head_fitting._logits(networks, seen.expand(len(networks["out_bias"]), -1, -1))
    expected = torch.sigmoid(logits).mean(dim=0).numpy()
    assert np.abs(fitted.head.probabilities(features) - expected).max() < 1e-5


@pytest.mark.usefixtures("quick")
def test_the_same_seed_and_address_fit_the_same_head() -> None:
    """Bit for bit; another seed or another peer fits another."""
    first, again = fit(hidden_cells()), fit(hidden_cells())
    assert (again.out_of_fold == first.out_of_fold).all()
    kept, stored = again.head.arrays(), first.head.arrays()
    assert all((kept[name] == stored[name]).all() for name in stored)
    for other in (fit(hidden_cells(), seed=1), fit(hidden_cells(), address="c")):
        assert (other.out_of_fold != first.out_of_fold).any()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("columns", [(2, 3), (0, 1, 2, 3)])
def test_constant_features_say_nothing(columns: tuple[int, ...]) -> None:
    """A column that never varied is held for nothing, whatever it is in a query; nothing becomes nan."""
    features, truth, items = hidden_cells(users=40)
    features[:, columns] = 0
    head = fit((features, truth, items)).head
    strange = features.copy()
    strange[:, columns] = 1e6
    found = head.probabilities(features)
    assert not np.isnan(found).any()
    assert (head.probabilities(strange) == found).all()
    assert found.mean() == pytest.approx(truth.mean(), rel=0.2)


def test_few_positive_cells_get_a_logistic_regression() -> None:
    """Layers would learn them by heart."""
    hidden = hidden_cells(users=20, base=-4.0)
    assert FEWEST_CELLS <= hidden[1].sum() < 150
    fitted = fit(hidden)
    assert fitted.head.out_weight.shape == (5, 0)
    assert roc_auc(hidden[1], fitted.out_of_fold) > 0.7


def test_a_feature_that_parts_all_cells_leaves_weights_finite() -> None:
    """The logistic regression is penalised, so that it ends."""
    features, _, items = hidden_cells(users=20)
    fitted = fit((features, features[:, 0] > 1.5, items))
    assert all(np.isfinite(array).all() for array in fitted.head.arrays().values())


def test_too_little_gets_no_head() -> None:
    """Under 20 positive or negative cells, or five items with a positive one, there is none."""
    features, truth, items = hidden_cells(users=30)
    few, one_kind = np.zeros_like(truth), np.ones_like(truth)
    few[:19] = True
    narrow = (items < 11) & (np.arange(len(items)) < 10 * ITEMS)
    for kind in (few, one_kind, narrow):
        assert fit_head(features, kind, items, seed=0, address="b", threads=1) is None
    assert fit_head(features[:0], truth[:0], items[:0], seed=0, address="b", threads=1) is None


@pytest.mark.usefixtures("quick")
def test_many_cells_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many cells there are, a bounded number enters the fit, and each still has a probability."""
    monkeypatch.setattr(head_fitting, "_MOST_CELLS", 1000)
    features, truth, items = hidden_cells()
    fitted = fit((features, truth, items))
    assert len(fitted.out_of_fold) == len(truth)
    assert roc_auc(truth, fitted.out_of_fold) > 0.7
    assert fitted.out_of_fold.mean() == pytest.approx(truth.mean(), rel=0.25)


def test_unusable_cells_are_refused() -> None:
    """Lengths that differ, a truth of numbers and features that are not finite raise ValueError."""
    features, truth, items = hidden_cells(users=3)
    with pytest.raises(ValueError, match="features, truth, items"):
        fit_head(features, truth[1:], items, seed=0, address="b", threads=1)
    with pytest.raises(ValueError, match="not bool"):
        fit_head(features, truth.astype(np.int64), items, seed=0, address="b", threads=1)  # type: ignore[arg-type]
    features[0, 0] = np.inf
    with pytest.raises(ValueError, match="not finite"):
        fit_head(features, truth, items, seed=0, address="b", threads=1)
