"""Every contender on a small split: what it must be equal to, and what must beat what."""

from __future__ import annotations

import math
from typing import get_args

import numpy as np
import pytest

from feddmf.errors import InputError, RunFailed
from feddmf.runfile import RunSettings
from feddmf_party.datasets import Dataset
from feddmf_party.evaluating.contenders import BASELINES, CONTENDERS, check_names, run_contender
from feddmf_party.evaluating.federation import Federation
from feddmf_party.evaluating.main import SplitOptions, federate
from feddmf_party.evaluating.measuring import measure
from feddmf_party.evaluating.outcome import Outcome
from feddmf_party.evaluating.overrides import settings_for

SHORT = {
    "training": {"epochs": 4, "batch_size": 64},
    "alignment": {"syncs_per_epoch": 2, "probe_share": 0.0},
    "enforcement": {"not_following": "report", "probe_floor": -1.0},
    "model": {"embedding_dim": 8, "hidden_dim": 8},
    "fcf": {"rank": 4, "rounds": 3, "regularization": 1.0, "min_support": 2},
    "transfer": {"rank": 8, "ridge": 5.0},
}
OPTIONAL = {"centralised_als": "implicit"}


def run(name: str, federation: Federation, seed: int = 0, **sections: object) -> Outcome:
    """Run a contender for a moment."""
    if name in OPTIONAL:
        pytest.importorskip(OPTIONAL[name])
    overrides = SHORT | sections
    settings = settings_for(name, overrides, parties=federation.parties, seed=seed)
    return run_contender(name, federation, settings, lambda _: None)


def content(outcome: Outcome) -> list[bytes]:
    """Return all scores as bytes."""
    blocks = [
        block
        for scores in outcome.scores.values()
        for block in (scores.asked, scores.validation, scores.own)
        if block is not None
    ]
    return [np.ascontiguousarray(block).tobytes() for block in blocks]


@pytest.mark.parametrize("name", CONTENDERS)
@pytest.mark.parametrize(
    "options", [SplitOptions(), SplitOptions(3, sharing="subsets")], ids=["two", "three"]
)
def test_a_contender_scores_every_cell_alike_each_time(
    tastes: Dataset, name: str, options: SplitOptions
) -> None:
    """Finite scores for each user and item asked, the same bytes by the same seed; costs of a protocol."""
    federation = federate(tastes, options, 0)
    outcome = run(name, federation)
    for party, company in federation.companies.items():
        scores = outcome.scores[party]
        assert scores.asked.shape == company.truth.shape
        assert scores.validation.shape == company.validation_truth.shape
        assert scores.attributes.shape == (len(company.users), 0)
        assert scores.own is None or scores.own.shape == company.own_truth.shape
        assert np.isfinite(scores.asked).all()
    assert content(outcome) == content(run(name, federation))
    federated = name not in BASELINES
    assert (outcome.rounds > 0, outcome.bytes_sent > 0) == (federated, federated or name == "independent")


def test_every_protocol_is_a_contender() -> None:
    """One that the run file learns is evaluated without more ado."""
    protocols = get_args(RunSettings.model_fields["protocol"].annotation)
    assert CONTENDERS[: len(protocols)] == protocols


@pytest.mark.parametrize("name", ["transfer", "fcf", "popularity_x_activity", "centralised_paper"])
def test_what_learns_beats_chance(tastes: Dataset, name: str) -> None:
    """By a clear margin over a model that says nothing, on cells that nobody saw."""
    federation = federate(tastes, SplitOptions(), 0)
    training = {"epochs": 25, "batch_size": 64, "learning_rate": 0.02, "negatives": 2}
    learnt = measure(federation, run(name, federation, training=training))
    chance = measure(federation, run("random", federation))
    assert abs(chance["roc_auc"] - 0.5) < 0.06
    assert learnt["roc_auc"] > 0.65


def test_independent_is_feddmf_without_its_alignment(tastes: Dataset) -> None:
    """Bit for bit what the protocol comes to with beta 0, and it needs no matched item."""
    federation = federate(tastes, SplitOptions(), 0)
    unaligned = run("feddmf", federation, recipe="embedding", alignment=SHORT["alignment"] | {"beta": 0.0})
    assert content(run("independent", federation)) == content(unaligned)
    apart = federate(tastes, SplitOptions(matched=0.0), 0)
    assert run("independent", apart).bytes_sent == len(apart.items) * 8 * 4


@pytest.mark.parametrize("name", ["centralised", "centralised_paper"])
def test_a_centralised_model_sees_what_parties_know_and_nothing_else(tastes: Dataset, name: str) -> None:
    """Truth that is held back changes no score: with and without it the models are the same bytes."""
    federation = federate(tastes, SplitOptions(), 0)
    blind = {
        party: type(company)(**(vars(company) | {"truth": np.zeros_like(company.truth)}))
        for party, company in federation.companies.items()
    }
    hidden = type(federation)(**(vars(federation) | {"companies": blind}))
    assert content(run(name, federation)) == content(run(name, hidden))


def test_popularity_is_the_owners_share(tastes: Dataset) -> None:
    """The share of the owner's users who have the item, for everybody; times activity where asked."""
    federation = federate(tastes, SplitOptions(), 0)
    north, south = federation.companies.values()
    shares = south.counts(north.asked) / len(south.users)
    plain = run("popularity", federation).scores["north"].asked
    np.testing.assert_array_equal(plain, np.tile(shares, (len(north.users), 1)))
    scaled = run("popularity_x_activity", federation).scores["north"].asked
    activity = north.data.user_counts() / north.data.user_counts().mean()
    np.testing.assert_allclose(scaled, np.minimum(activity[:, None] * shares, 1))


def test_popularity_pools_all_owners(tastes: Dataset) -> None:
    """Of an item that two parties sell, the share of the users of both."""
    federation = federate(tastes, SplitOptions(3, sharing="subsets"), 0)
    asking, *owners = federation.companies.values()
    both = np.array([key for key in asking.asked.tolist() if len(federation.owners[key]) > 1])
    assert len(both)
    users = sum(len(each.users) for each in owners)
    scores = run("popularity", federation).scores[asking.party].asked
    expected = sum(each.counts(both) for each in owners) / users
    np.testing.assert_allclose(scores[0, np.isin(asking.asked, both)], expected)


def test_a_protocol_needs_common_items_and_a_baseline_does_not(tastes: Dataset) -> None:
    """Without any the protocol, the seed and the party are named; counts still work."""
    apart = federate(tastes, SplitOptions(matched=0.0), 3)
    with pytest.raises(InputError, match="transfer at seed 3: north shares no item") as caught:
        run("transfer", apart, seed=3)
    assert "--matched" in caught.value.hint
    assert not math.isnan(measure(apart, run("popularity", apart))["roc_auc"])


def test_a_run_that_fails_is_named(tastes: Dataset) -> None:
    """Protocol and seed stand before what the run said."""
    federation = federate(tastes, SplitOptions(), 2)
    with pytest.raises(RunFailed, match=r"feddmf at seed 2: the cosine of the \d+ probe pairs") as caught:
        run(
            "feddmf",
            federation,
            seed=2,
            alignment={"probe_share": 0.5, "syncs_per_epoch": 1},
            enforcement={"probe_floor": 1.0, "not_following": "report"},
        )
    assert "evaluate without feddmf" in caught.value.hint


def test_a_missing_package_is_named(tastes: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a baseline needs beyond a party's installation is said, with the command that installs it."""
    monkeypatch.setattr("feddmf_party.evaluating.als.ALS_PACKAGES", ("scipy.sparse", "nosuchpackage.als"))
    federation = federate(tastes, SplitOptions(), 0)
    settings = settings_for("centralised_als", SHORT, parties=federation.parties, seed=0)
    with pytest.raises(InputError, match="lacks nosuchpackage, which centralised_als needs") as caught:
        run_contender("centralised_als", federation, settings, lambda _: None)
    assert "pip install 'feddmf[evaluate]'" in caught.value.hint


@pytest.mark.parametrize(
    ("names", "message", "hint"),
    [
        (["feddfm"], "no protocol or baseline 'feddfm'", "did you mean 'feddmf'?"),
        (["xyz"], "no protocol or baseline 'xyz'", "popularity_x_activity"),
        (["fcf", "fcf"], "fcf is named twice", "once"),
        ([], "no protocol is named", "choose from feddmf"),
    ],
)
def test_names_are_checked(names: list[str], message: str, hint: str) -> None:
    """A name that is none is met with the nearest one."""
    with pytest.raises(InputError, match=message) as caught:
        check_names(names)
    assert hint in caught.value.hint
