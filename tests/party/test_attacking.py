"""The audit in small: it finds members where they can be found, and stays under the ceiling where not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from feddmf.interactions import Interactions
from feddmf.plan import PartyItems
from feddmf.privacy.accountant import sigma_for
from feddmf.privacy.attack_figures import Leak
from feddmf.privacy.ceilings import auc_ceiling, mu_of
from feddmf.privacy.terms import terms_for
from feddmf_party.attacking import Finding, Subject, attack, subject_of
from feddmf_party.attacking_releases import alone
from feddmf_party.attacking_verdict import as_dict, verdict_lines
from feddmf_party.data.party_table import PartyTable
from feddmf_party.seat import Place
from support.heard import Heard
from support.runs import small_run

MODELS = 8


class Silence:
    """No noise at all."""

    def gaussian(self, shape: tuple[int, ...], sigma: float) -> np.ndarray:  # noqa: ARG002  (Noise's)
        """Return zeros."""
        return np.zeros(shape)


def subject(**sections: Any) -> Subject:
    """Return acme with 60 users, each with 12 of 200 items at random: whom a model has seen stands out."""
    small = small_run(2, shared=100, own=100, **sections)
    random = np.random.default_rng(8)
    chosen = np.stack([random.permutation(200)[:12] for _ in range(60)])
    data = Interactions.from_pairs(np.repeat(np.arange(60), 12), chosen.ravel(), shape=(60, 200))
    items = PartyItems(alone(small.plan), small.catalogue.view("acme"))
    return Subject(items, data, items.exclusive, np.arange(60))


def test_members_of_an_open_release_are_found() -> None:
    """By a map that was fitted on 30 users, nearly all of them."""
    found = attack(subject(protocol="transfer", transfer={"rank": 32, "min_support": 1}), models=MODELS)
    assert found.leak.auc > 0.9
    assert (found.models, found.users, found.trained_on, found.items) == (MODELS, 60, 30, 200)
    assert (found.ceiling, found.is_within) == (None, True)


def test_members_of_a_private_release_are_not() -> None:
    """At epsilon 1 the attack is under the ceiling; the same release without noise gives them away."""
    private = subject(protocol="transfer", privacy={"mode": "gram", "epsilon": 1.0, "delta": 1e-5})
    found = attack(private, models=MODELS)
    assert found.is_within
    assert found.ceiling is not None
    assert found.ceiling.auc == pytest.approx(auc_ceiling(mu_of(sigma_for(1.0, 1e-5))))
    silent = attack(replace(private, noise=Silence()), models=MODELS)
    assert not silent.is_within
    assert "do not send it" in verdict_lines(silent)[-1]
    assert silent.leak.auc > 0.9


def test_fewer_targets_are_asked_about_under_the_same_models() -> None:
    """Users without an item are nobody; progress is told model by model."""
    whole = subject(protocol="transfer", transfer={"rank": 4, "min_support": 1})
    table = PartyTable(whole.data, tuple(f"u{n}" for n in range(60)), 720, 720, 0, 0)
    place = Place(whole.items, whole.offered, table, None)
    some, heard = subject_of(place, 10), Heard()
    assert (len(some.targets), some.data.users) == (10, 60)
    found = attack(some, models=6, progress=heard)
    assert found.users == 10
    assert heard.told == [(number, 6, "shadow models") for number in range(7)]


def test_the_terms_are_those_of_the_release_that_would_leave() -> None:
    """They go by all rows of the table; who is attacked, by those with an item."""
    whole = subject(protocol="transfer", privacy={"mode": "gram"})
    rows = 20_000
    data = Interactions(
        np.concatenate([whole.data.indptr, np.full(rows - 60, whole.data.pairs)]),
        whole.data.indices,
        whole.data.values,
        whole.data.items,
    )
    table = PartyTable(data, tuple(f"u{n:05}" for n in range(rows)), 720, 720, 0, 0)
    found = subject_of(Place(whole.items, whole.offered, table, None))
    assert (found.data.users, len(found.targets)) == (60, 60)
    assert found.terms == terms_for(rows)
    assert whole.terms == terms_for(60)


def test_the_same_seed_finds_the_same() -> None:
    """Another seed draws other halves."""
    whole = subject(protocol="transfer", transfer={"rank": 4, "min_support": 1})
    one = attack(whole, models=6)
    assert attack(whole, models=6) == one
    assert attack(whole, models=6, seed=1).leak != one.leak


@pytest.mark.parametrize(
    ("auc", "words"),
    [(0.5, "hardly more than a coin"), (0.6, "a little"), (0.8, "much"), (0.9, "who is in the data")],
)
def test_a_verdict_is_in_plain_words(auc: float, words: str) -> None:
    """And says that an open release has no ceiling."""
    leak = Leak(auc, 0.01, auc - 0.02, auc + 0.02, 0.1, 0.01, 0.08, 0.12)
    finding = Finding(32, 60, 30, 200, leak, None)
    lines = verdict_lines(finding)
    assert "ceiling: none" in lines[1]
    assert words in lines[2]
    assert as_dict(finding)["verdict"] == lines[2].removeprefix("verdict: ")
