"""The whole experiment, small: from files in a folder to rows, picture and section."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest

from feddmf.errors import InputError
from feddmf_party.datasets.ml_100k import GENRES
from feddmf_party.reproduce.experiment import Options, Rows, Told
from feddmf_party.reproduce.ratings import RATINGS

USERS, FILMS, EACH = 14, 40, 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write made-up users, films and ratings in the form of ml-100k; return the folder above."""
    above = tmp_path_factory.mktemp("data")
    place = above / "ml-100k"
    place.mkdir()
    random = np.random.default_rng(0)
    people = [f"{user}|{18 + user}|{'MF'[user % 2]}|artist|0" for user in range(1, USERS + 1)]
    films = []
    for film in range(1, FILMS + 1):
        flags = "|".join(str(int(place in {1 + film % 3, 5})) for place in range(len(GENRES)))
        films.append(f"{film}|Film {film} ({1950 + film})|||u|{flags}")
    ratings = [
        f"{user}\t{film + 1}\t{random.integers(1, 6)}\t{place}"
        for user in range(1, USERS + 1)
        for place, film in enumerate(random.permutation(FILMS)[:EACH])
    ]
    for name, lines in (("u.user", people), ("u.item", films), ("u.data", ratings)):
        (place / name).write_text("\n".join(lines) + "\n")
    return above


def perform(folder: Path, seeds: tuple[int, ...]) -> tuple[str, list[str]]:
    """Return the rows as a CSV file, and what was said."""
    said: list[str] = []
    text = io.StringIO()
    writer = csv.DictWriter(text, RATINGS.columns)
    writer.writeheader()
    options = Options(data_dir=folder, dataset="ml-100k", seeds=seeds, quick=True)
    for row in RATINGS.run(options, Told(said.append)):
        assert tuple(row) == RATINGS.columns
        writer.writerow(row)
    return text.getvalue(), said


@pytest.fixture(scope="module")
def made(folder: Path) -> tuple[str, list[str]]:
    """Return the rows of two seeds, and what was said."""
    return perform(folder, (0, 1))


@pytest.fixture(scope="module")
def rows(made: tuple[str, list[str]]) -> Rows:
    """Return the rows as they are read back."""
    return tuple(csv.DictReader(io.StringIO(made[0])))


def test_every_part_is_there_for_every_seed(rows: Rows) -> None:
    """Models, clients, rankings, ablation with the users' features, cold start, next films, the top-5."""
    for seed in ("0", "1"):
        own = [row for row in rows if row["seed"] == seed]
        models = {row["model"] for row in own if row["part"] == "errors"}
        assert models == {
            *("global mean", "item mean", "user mean", "biases", "user KNN", "item KNN", "biased MF"),
            *("network", "FedAvg", "alone"),
        }
        clients = {row["scope"] for row in own if row["part"] == "clients"}
        assert clients == {f"client {number}" for number in range(1, 11)}
        ablated = {row["model"] for row in own if row["part"] == "ablation" and row["scope"] == "network"}
        assert {f"without {name}" for name in ("age", "gender", "occupation", "genres", "decade")} < ablated
        assert {row["scope"] for row in own if row["part"] == "ranking"} == {"unseen", "rated"}
        assert {row["scope"] for row in own if row["part"] == "cold"} == {"users", "films"}
        assert {"sequence", "sequence, FedAvg"} < {row["model"] for row in own if row["part"] == "next"}
    metrics = {row["metric"] for row in rows if row["part"] == "errors"}
    assert metrics == {"mae", "mse", "rmse", "r2", "mape"}
    top = [row for row in rows if row["part"] == "top" and row["metric"].startswith("film ")]
    assert {row["seed"] for row in top} == {"0"}


def test_clients_make_up_the_whole(rows: Rows) -> None:
    """The error of all test ratings is the mean of the clients' errors, weighted by their ratings."""
    own = [row for row in rows if row["seed"] == "0"]
    sizes, errors = (
        {
            row["scope"]: float(row["value"])
            for row in own
            if (row["part"], row["model"], row["metric"]) == named
        }
        for named in (("clients", "size", "test ratings"), ("clients", "FedAvg", "mae"))
    )
    (whole,) = (
        float(row["value"])
        for row in own
        if (row["part"], row["model"], row["metric"]) == ("errors", "FedAvg", "mae")
    )
    total = sum(sizes[client] * errors[client] for client in sizes if sizes[client])
    assert total / sum(sizes.values()) == pytest.approx(whole)


def test_the_same_seed_gives_the_same_rows(folder: Path, made: tuple[str, list[str]]) -> None:
    """Run again for one seed, its rows are the same to the last digit, and the work was told."""
    again, said = perform(folder, (0,))
    assert made[0].startswith(again)
    assert said[0] == "seed 0: the network, central"
    assert len(made[1]) == 2 * len(said)


def test_the_section_judges_every_claim_from_the_rows(rows: Rows) -> None:
    """Each claim has its judgement; changed rows change it."""
    section = RATINGS.section(rows)
    claims = [line for line in section.splitlines() if line.startswith("- **")]
    assert len(claims) == 14
    assert "run again on ml-100k: 14 users" in " ".join(section.split())
    assert all(len(line) <= 118 for line in section.splitlines() if not line.startswith("|"))

    def judged(value: float) -> str:
        changed = [
            {**row, "value": str(value)} if row["model"] == "biased MF" and row["metric"] == "mae" else row
            for row in rows
        ]
        (line,) = (
            each for each in RATINGS.section(changed).splitlines() if "matrix factorisation (.685) b" in each
        )
        return line

    assert judged(0.01).startswith("- **Held**")
    assert judged(4.0).startswith("- **Not held**")


def test_the_picture_is_drawn_from_the_rows(rows: Rows, tmp_path: Path) -> None:
    """A PNG, also where one seed leaves no deviation."""
    RATINGS.plot([row for row in rows if row["seed"] == "0"], tmp_path / "one.png")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


def test_a_data_set_without_ratings_is_refused() -> None:
    """The error lists those that have ratings."""
    with pytest.raises(InputError, match="online-retail has no ratings"):
        next(RATINGS.run(Options(dataset="online-retail"), Told(print)))
