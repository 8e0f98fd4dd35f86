"""Questions to a run with histories, whose users are few."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddmf_party.questions import Questions
from support.finished import hidden_cells, history_run

USERS = {"ann": 1.0, "bob": -2.0, "cat": 2.0, "dan": 0.5}


@pytest.fixture
def questions(tmp_path: Path) -> Questions:
    """Questions to run r-1, in which bolt published two items and a user attribute."""
    peers: dict[str, dict[str, float | tuple[float, float, float]]] = {
        "bolt": {"pen": 1.0, "cup": -0.5, "gold=yes": (0.3, 0.8, 0.02)}
    }
    return Questions(
        history_run(tmp_path / "runs" / "r-1", USERS, peers, {"bolt": hidden_cells(60, 40, skill=1.0)})
    )
