"""What a party releases alone: every table of every recipe, of its own members; nobody pulls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from feddmf.errors import InputError
from feddmf.plan import PartyItems
from feddmf.privacy.attack_statistics import Released
from feddmf_party.attacking_releases import alone, release_alone
from support.runs import SmallRun, small_run

QUICK = {"model": {"embedding_dim": 4, "hidden_dim": 4}, "training": {"epochs": 2, "max_steps": 8}}
HISTORY = {"recipe": "default", "linear_rank": 3}


def released(small: SmallRun) -> Released:
    """Return what acme releases alone."""
    items = PartyItems(alone(small.plan), small.catalogue.view("acme"))
    return release_alone(items, small.tables["acme"], items.exclusive)


def shapes(found: Released) -> dict[str, tuple[int, ...]]:
    """Return the shape of each table; each item is in it once."""
    assert all(len(np.unique(table.codes)) == len(table.rows) for table in found.tables.values())
    return {name: table.rows.shape for name, table in found.tables.items()}


def test_a_tower_of_ids_releases_its_whole_table() -> None:
    """16 shared items are uploaded, 6 own ones published."""
    found = released(small_run(2, **QUICK))
    assert (shapes(found), found.maps) == ({"vectors": (22, 4)}, ())


@pytest.mark.parametrize("alignment", [{}, {"method": "cosine"}, {"method": "once"}])
def test_a_history_releases_contexts_and_the_linear_map_too(alignment: dict[str, Any]) -> None:
    """Tied or pulled its vectors are uploaded as well; aligned by maps alone they are only published."""
    found = released(small_run(2, **HISTORY, **QUICK, alignment=alignment))
    vectors = 6 if alignment.get("method") == "once" else 22
    assert shapes(found) == {
        "vectors": (vectors, 4),
        "contexts": (16, 4),
        "linear": (16, 3),
        "targets": (6, 3),
    }
    assert found.maps == (("contexts", "vectors"), ("linear", "targets"))
    assert all(np.abs(table.rows).max() > 0 for table in found.tables.values())


def test_transfer_releases_its_map() -> None:
    """Contexts of what is shared, targets of what is offered."""
    found = released(small_run(2, protocol="transfer", transfer={"rank": 3}))
    assert shapes(found) == {"contexts": (16, 3), "targets": (6, 3)}
    assert found.maps == (("contexts", "targets"),)


@pytest.mark.parametrize("sections", [QUICK, {**HISTORY, **QUICK}])
def test_training_goes_on_through_the_echo(sections: dict[str, Any]) -> None:
    """What leaves after more epochs is something else: replies do not set the vectors back."""
    longer = {**sections, "training": {"epochs": 4, "max_steps": 16}}
    short, long = released(small_run(2, **sections)), released(small_run(2, **longer))
    assert not np.allclose(short.tables["vectors"].rows, long.tables["vectors"].rows)


@pytest.mark.parametrize("protocol", ["fcf", "fedavg"])
def test_sums_are_not_attacked(protocol: str) -> None:
    """No attack here reads them, and to say that they are safe would be wrong."""
    with pytest.raises(InputError, match=f"is of {protocol}"):
        alone(small_run(2, protocol=protocol).plan)
