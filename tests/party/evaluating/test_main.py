"""An evaluation from start to end: rows, their summary, and what cannot be evaluated."""

from __future__ import annotations

import math
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feddmf.errors import InputError
from feddmf.evaluation import ALL_METRICS, brier_skill
from feddmf_party.datasets import Dataset
from feddmf_party.evaluating.at_home import AtHome
from feddmf_party.evaluating.attribute_table import AttributeTable, read_attributes
from feddmf_party.evaluating.contenders import run_contender
from feddmf_party.evaluating.federation import Federation
from feddmf_party.evaluating.main import (
    Evaluation,
    SplitOptions,
    check,
    federate,
    party_names,
    run_evaluation,
)
from feddmf_party.evaluating.measuring import TRUST, measure, measure_party, summarise
from feddmf_party.evaluating.outcome import Scores
from feddmf_party.evaluating.overrides import settings_for
from feddmf_party.evaluating.showing import rows_csv

FIGURES = {*ALL_METRICS, *TRUST, "seconds", "rounds", "bytes_sent"}
OVERRIDES = {"transfer": {"rank": 8, "ridge": 5.0}, "fcf": {"rank": 4, "rounds": 3, "min_support": 2}}


def evaluation(dataset: Dataset, *protocols: str, **options: Any) -> Evaluation:
    """Return an evaluation that takes a moment."""
    return Evaluation(dataset, protocols, **{"overrides": OVERRIDES, "seeds": 2} | options)


def test_one_row_a_protocol_and_seed_and_their_mean(tastes: Dataset) -> None:
    """Rows come by protocol, then seed; the summary is their mean and deviation, figure by figure."""
    steps: list[tuple[str, int, str]] = []
    data = run_evaluation(evaluation(tastes, "transfer", "popularity"), lambda *step: steps.append(step))
    assert [(row["protocol"], row["seed"]) for row in data["rows"]] == [
        ("transfer", 0),
        ("transfer", 1),
        ("popularity", 0),
        ("popularity", 1),
    ]
    assert all(set(row) == FIGURES | {"protocol", "seed"} for row in data["rows"])
    assert set(data["summary"]) == {"transfer", "popularity"}
    for name, summary in data["summary"].items():
        assert set(summary) == FIGURES
        for figure, found in summary.items():
            values = [row[figure] for row in data["rows"] if row["protocol"] == name]
            assert found["mean"] == pytest.approx(statistics.fmean(values), nan_ok=True)
            if not math.isnan(found["mean"]):
                assert found["std"] == pytest.approx(statistics.pstdev(values))
    assert [(name, seed) for name, seed, text in steps if not text] == [
        ("transfer", 0),
        ("popularity", 0),
        ("transfer", 1),
        ("popularity", 1),
    ]


def test_the_same_evaluation_has_the_same_figures(tastes: Dataset) -> None:
    """All but the seconds."""
    once, again = (
        [row | {"seconds": 0} for row in run_evaluation(evaluation(tastes, "fcf", "random"))["rows"]]
        for _ in range(2)
    )
    assert [str(row) for row in once] == [str(row) for row in again]


def test_the_threshold_is_chosen_on_validation_cells_alone(tastes: Dataset) -> None:
    """Scores of asked items do not move it, and what is called above it is what validation says."""
    company = run_problem(tastes).companies["north"]
    truth, checked = company.truth.astype(float), company.validation_truth.astype(float)
    unseen = Scores(asked=truth * 0.2, validation=checked, attributes=truth[:, :0], own=None)
    assert measure_party(company, unseen)["f1_at_chosen"] == 0.0
    assert measure_party(company, unseen)["f1_best"] == 1.0
    fitting = Scores(asked=truth * 0.2, validation=checked * 0.2, attributes=truth[:, :0], own=None)
    assert measure_party(company, fitting)["f1_at_chosen"] == 1.0


def run_problem(dataset: Dataset) -> Federation:
    """Return a federation with validation items at both parties."""
    return federate(dataset, SplitOptions(validation=0.3), 0)


def test_a_figure_without_meaning_is_left_out_of_the_mean() -> None:
    """Of two seeds only the one that has it counts; of none there is none."""
    rows = [dict.fromkeys(FIGURES, 1.0), dict.fromkeys(FIGURES, 3.0) | {"f1_at_chosen": math.nan}]
    summary = summarise(rows)
    assert summary["roc_auc"] == {"mean": 2.0, "std": 1.0}
    assert summary["f1_at_chosen"] == {"mean": 1.0, "std": 0.0}
    nothing = summarise([dict.fromkeys(FIGURES, math.nan)])
    assert math.isnan(nothing["roc_auc"]["mean"])
    assert math.isnan(nothing["roc_auc"]["std"])


def test_attributes_are_summed_up_beside_their_reference(tastes: Dataset, tmp_path: Path) -> None:
    """Of the first protocol named, and of each; rare values are named and left out."""
    pytest.importorskip("sklearn")
    path = tmp_path / "users.csv"
    rows = [f"{user},{'odd' if int(user[1:]) % 2 else 'even'},{user}" for user in tastes.users.tolist()]
    path.write_text("\n".join(["user,parity,zip", *rows]))
    table = read_attributes(path, "user")
    data = run_evaluation(evaluation(tastes, "popularity", "transfer", attributes=table, attribute_owner=1))
    attributes = data["summary"]["attributes"]
    assert set(attributes) == {"parity=even", "parity=odd"}
    for found in attributes.values():
        assert set(found) == {"roc_auc", "average_precision", "reference_roc_auc", "by_protocol"}
        assert found["by_protocol"]["transfer"]["roc_auc"] == found["roc_auc"] > 0.75
        assert found["by_protocol"]["popularity"]["roc_auc"] == 0.5
        assert found["reference_roc_auc"] > 0.85
    assert len(data["skipped_attributes"]) == 60
    alone = run_evaluation(evaluation(tastes, "transfer", attributes=table, seeds=1))
    assert set(alone["summary"]["attributes"]["parity=odd"]) == {
        "roc_auc",
        "average_precision",
        "reference_roc_auc",
    }


@pytest.mark.parametrize("columns", [0, 4])
def test_a_history_model_predicts_user_attributes_that_it_has_not_trained_on(
    tastes: Dataset, columns: int
) -> None:
    """The owner fits them on its users' vectors at the end, with context columns for them and without."""
    pytest.importorskip("sklearn")
    users = tastes.users.tolist()
    odd = frozenset(user for user in users if int(user[1:]) % 2)
    table = AttributeTable({"parity": {"odd": odd, "even": frozenset(users) - odd}})
    overrides = {
        "training": {"epochs": 15, "batch_size": 10},
        "linear_rank": columns,
        "enforcement": {"not_following": "report", "probe_floor": -1.0},
    }
    found = run_evaluation(evaluation(tastes, "feddmf", attributes=table, seeds=1, overrides=overrides))
    figures = found["summary"]["attributes"]
    assert figures["parity=odd"]["roc_auc"] == pytest.approx(figures["parity=even"]["roc_auc"])
    assert figures["parity=odd"]["roc_auc"] > 0.8


@pytest.mark.parametrize("parties", [3, 5, 16])
def test_many_parties_with_catalogues_that_overlap_in_part(tastes: Dataset, parties: int) -> None:
    """Two parties may share nothing with each other, as long as each shares something with somebody."""
    split = SplitOptions(parties, sharing="subsets", matched=0.6)
    (row,) = run_evaluation(evaluation(tastes, "transfer", split=split, seeds=1))["rows"]
    assert row["roc_auc"] > 0.4
    assert party_names(parties) == tuple(sorted(party_names(parties)))
    assert len(party_names(parties)) == parties


def test_nothing_held_back_is_an_error(tastes: Dataset) -> None:
    """Where all items are matched there is nothing to ask for."""
    with pytest.raises(InputError, match="nothing is held back at seed 0"):
        run_evaluation(evaluation(tastes, "random", split=SplitOptions(matched=1.0)))


def test_choices_are_checked_before_any_data_is_read() -> None:
    """Seeds, the attributes' owner, and keys of the run file."""
    with pytest.raises(InputError, match="0 seeds are none"):
        check(["random"], SplitOptions(), 0, {}, None)
    with pytest.raises(InputError, match="no party 3 among 2"):
        check(["random"], SplitOptions(), 1, {}, 3)
    with pytest.raises(InputError, match=r"unknown key fcf\.rnk"):
        check(["random", "fcf"], SplitOptions(), 1, {"fcf": {"rnk": 3}}, None)


def test_rows_as_csv_have_empty_cells_for_what_has_no_meaning(tastes: Dataset) -> None:
    """A header with every figure, one line a row."""
    split = SplitOptions(validation=0.0)
    data = run_evaluation(evaluation(tastes, "popularity", split=split, seeds=1))
    header, line = (text.split(",") for text in rows_csv(data["rows"]).splitlines())
    assert header == ["protocol", "seed", *ALL_METRICS, *TRUST, "seconds", "rounds", "bytes_sent"]
    found = dict(zip(header, line, strict=True))
    empty = {name for name, cell in found.items() if not cell}
    assert empty == {"f1_at_chosen", *(name for name in TRUST if "hidden" in name)}
    assert (found["protocol"], found["f1_at_chosen"], found["rounds"]) == ("popularity", "", "0")
    assert float(found["roc_auc"]) == data["rows"][0]["roc_auc"]


def test_metrics_are_the_mean_over_the_parties(tastes: Dataset) -> None:
    """Each party counts as much as any other."""
    federation = run_problem(tastes)
    settings = settings_for("popularity_x_activity", {}, parties=federation.parties, seed=0)
    outcome = run_contender("popularity_x_activity", federation, settings, lambda _: None)
    parties = [measure_party(federation.companies[p], scores) for p, scores in outcome.scores.items()]
    assert measure(federation, outcome) == {
        metric: pytest.approx((parties[0][metric] + parties[1][metric]) / 2, nan_ok=True)
        for metric in (*ALL_METRICS, *TRUST)
    }


def test_a_threshold_chosen_at_home_is_taken(tastes: Dataset) -> None:
    """What a party learned from hidden items stands in place of validation, and its interval is held up."""
    company = run_problem(tastes).companies["north"]
    truth = company.truth.astype(float)
    scores = Scores(asked=truth * 0.2, validation=truth[:, :0], attributes=truth[:, :0], own=None)
    found = measure_party(company, scores, AtHome(threshold=0.1, roc_auc=0.9, lower=0.8, upper=0.95))
    assert (found["f1_at_chosen"], found["hidden_roc_auc"], found["hidden_covers"]) == (1.0, 0.9, 0.0)
    wide = measure_party(company, scores, AtHome(threshold=0.3, roc_auc=0.9, lower=0.8, upper=1.0))
    assert (wide["f1_at_chosen"], wide["hidden_covers"]) == (0.0, 1.0)
    assert found["brier_skill"] == pytest.approx(brier_skill(company.truth, scores.asked))


def test_no_truth_of_what_is_asked_reaches_a_run(tastes: Dataset) -> None:
    """With every test cell turned round, scores, thresholds and intervals of feddmf are the same."""
    federation = run_problem(tastes)
    settings = settings_for("feddmf", {"training": {"epochs": 4}}, parties=federation.parties, seed=0)
    turned = {
        name: replace(each, truth=~each.truth, validation_truth=~each.validation_truth)
        for name, each in federation.companies.items()
    }
    one = run_contender("feddmf", federation, settings, lambda _: None)
    other = run_contender("feddmf", replace(federation, companies=turned), settings, lambda _: None)
    assert one.at_home == other.at_home
    for party, scores in one.scores.items():
        assert np.array_equal(scores.asked, other.scores[party].asked)
