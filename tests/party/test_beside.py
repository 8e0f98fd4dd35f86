"""Processes beside the first: they take the seat that it takes, or say why not; and then wait for another."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from feddmf.errors import ConfigError, FedDMFError
from feddmf.plan import Plan
from feddmf.ranks import STOP, Ranks
from feddmf_party.beside import work_beside
from feddmf_party.folder import PartyFolder
from feddmf_party.participation import prepare
from support.federation import founded, quick_run
from support.ranks import on_ranks
from support.runs import small_run

SMALL = small_run(2)
RUN = "small-1"
HISTORY: dict[str, Any] = {
    "recipe": "default",
    "model": {"tower": "history", "embedding_dim": 4},
    "training": {"epochs": 2, "batch_size": 8},
    "alignment": {"max_rounds": 2, "hidden_share": 0.2},
}


@pytest.fixture
def homes(tmp_path: Path) -> tuple[Path, Path]:
    """Return acme's folder, and a copy of it on another machine, without the key."""
    first = founded(tmp_path, SMALL).parties["acme"]
    second = tmp_path / "second"
    shutil.copytree(first, second, ignore=shutil.ignore_patterns("*.pem", "*.key"))
    return first, second


def sit(homes: tuple[Path, Path], **sections: Any) -> FedDMFError | None:
    """Let two processes take their seats in a run; return what the first ended with."""
    plan = Plan(run=RUN, catalogue=SMALL.catalogue.digest(), settings=quick_run(("acme", "bolt"), **sections))

    def work(ranks: Ranks) -> FedDMFError | None:
        if not ranks.is_first:
            work_beside(PartyFolder(homes[1]), ranks)
            return None
        try:
            prepare(PartyFolder(homes[0]), "acme", plan.model_dump_json().encode(), RUN, ranks)
        except FedDMFError as error:
            return error
        finally:
            ranks.together(lambda _: ranks.tell(STOP))
        return None

    return on_ranks(2, work)[0]


@pytest.mark.parametrize("sections", [HISTORY, {}])
def test_all_processes_take_their_seats(homes: tuple[Path, Path], sections: dict[str, Any]) -> None:
    """With the same folder nothing stands against it, with a history tower and without."""
    assert sit(homes, **sections) is None


def test_another_table_is_no_seat(homes: tuple[Path, Path]) -> None:
    """One row less, and the processes would train on two tables."""
    table = homes[1] / "interactions.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    error = sit(homes, **HISTORY)
    assert error is not None
    assert error.message == (
        "process 1 of 2 cannot take part: its table is another one than the first process has"
    )


def test_a_stricter_policy_of_any_process_holds(homes: tuple[Path, Path]) -> None:
    """Each checks the run by its own files."""
    (homes[1] / "policy.toml").write_text("min_users = 41\n")
    error = sit(homes, **HISTORY)
    assert error is not None
    assert "process 1 of 2 cannot take part: acme has 40 users" in error.message


def test_a_run_of_another_protocol_is_declined(homes: tuple[Path, Path]) -> None:
    """Several processes would train nothing of it."""
    (homes[0] / "policy.toml").write_text('protocols = ["transfer"]\n')
    error = sit(homes, protocol="transfer")
    assert isinstance(error, ConfigError)
    assert "run small-1 is of transfer, and several processes can train feddmf alone" in error.message
