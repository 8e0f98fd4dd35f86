"""Ridge maps of a party: fitted from the items that most of its users have, where there are too many."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.interactions import Interactions
from feddmf.members import regressions
from feddmf.members.linear_maps import LinearMaps
from feddmf.members.regressions import UserRegression
from feddmf.payload import Payload
from support.runs import run_settings, small_run


def drawn() -> Interactions:
    """Return 60 users and ten items, of which item 9 has one user and the first most."""
    random = np.random.default_rng(1)
    cells = random.random((60, 10)) < np.linspace(0.8, 0.3, 10)
    cells[:, 9] = np.arange(60) == 0
    return Interactions.from_pairs(*np.nonzero(cells), shape=cells.shape)


def test_of_too_many_inputs_those_that_most_users_have_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others have rows of zeros, as has an item without support; what is kept is as if they were not."""
    data, settings = drawn(), run_settings(("acme", "bolt"), recipe="default", linear_rank=3)
    inputs, outputs = np.array([9, 4, 1, 3, 0]), np.array([5, 6, 7])
    counts = data.item_counts()
    most = np.flatnonzero(np.isin(inputs, sorted([0, 1, 3, 4], key=lambda code: -counts[code])[:2]))
    regression = UserRegression(data, settings.transfer, party="acme")
    few = LinearMaps(regression, 3).fit(inputs[most], outputs)
    monkeypatch.setattr(regressions, "MOST_INPUTS", 2)
    found = LinearMaps(regression, 3).fit(inputs, outputs)
    np.testing.assert_allclose(found.contexts[most], few.contexts, atol=1e-6)
    np.testing.assert_allclose(found.targets, few.targets, atol=1e-6)
    assert not np.delete(found.contexts, most, axis=0).any()


def test_a_party_of_linear_transfer_keeps_to_the_same_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its context vectors are of four items at most, those that most of its users have."""
    run = small_run(2, shared=10, own=3, users=30, each=5, protocol="transfer", transfer={"rank": 2})
    monkeypatch.setattr(regressions, "MOST_INPUTS", 4)
    contexts = run.member("bolt").contribute("contexts", 0, None)
    assert isinstance(contexts, Payload)
    used = np.flatnonzero(contexts["contexts"].any(axis=1))
    counts = run.tables["bolt"].item_counts()[run.items["bolt"].matched_codes]
    assert used.tolist() == sorted(np.argsort(-counts, kind="stable")[:4].tolist())
