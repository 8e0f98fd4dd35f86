"""`feddmf reproduce`: each experiment runs, in small, and its page is made of its rows."""

from __future__ import annotations

import csv
import struct
from pathlib import Path

import pytest

from feddmf_party.datasets.generated import generate
from feddmf_party.datasets.ml_100k import GENRES
from feddmf_party.reproduce.files import document
from feddmf_party.reproduce.registry import EXPERIMENTS
from support.cli import Cli

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder with made-up ratings in the format of ml-100k: tastes, and two kinds of film."""
    folder = tmp_path_factory.mktemp("data") / "ml-100k"
    folder.mkdir()
    data = generate(90, 120, 2700, seed=3)
    users = [f"{user + 1}|{20 + user % 40}|{'MF'[user % 2]}|artist|00000" for user in range(data.users)]
    flags = ["|".join("1" if at == film % 5 else "0" for at in range(len(GENRES))) for film in range(120)]
    items = [
        f"{film + 1}|Film {film} (19{50 + film % 50})|01-Jan-1990|||{flags[film]}" for film in range(120)
    ]
    pairs = zip(data.rows().tolist(), data.indices.tolist(), strict=True)
    ratings = [
        f"{user + 1}\t{film + 1}\t{1 + (film % 3 + user % 3 + number % 2) % 5}\t{900_000_000 + 60 * number}"
        for number, (user, film) in enumerate(pairs)
    ]
    for name, lines in (("u.user", users), ("u.item", items), ("u.data", ratings)):
        (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="latin-1")
    return folder.parent


@pytest.mark.parametrize("name", [experiment.name for experiment in EXPERIMENTS])
def test_each_experiment_runs_in_small(name: str, cli: Cli, films: Path, tmp_path: Path) -> None:
    """It leaves rows, a picture and a page with a table and a verdict, and says the same in JSON."""
    options = ("--quick", "--jobs", 1, "--dataset", "ml-100k", "--data-dir", films, "--out", tmp_path)
    data = cli.data("reproduce", name, *options)
    (experiment,) = (each for each in EXPERIMENTS if each.name == name)
    with (tmp_path / "results" / f"{name}.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert tuple(rows[0]) == ("version", "data_set", *experiment.columns)
    assert len(rows) > 4
    picture = (tmp_path / "results" / f"{name}.png").read_bytes()
    assert min(struct.unpack(">II", picture[16:24])) > 400
    page = (tmp_path / "RESULTS.md").read_text()
    assert page == document(EXPERIMENTS, tmp_path)
    section = data["experiments"][name]["section"]
    assert f"## {experiment.title}" in page
    assert section in page
    assert "\n| --- |" in section
    assert "\n- " in section


def test_an_unknown_experiment_has_a_near_one(cli: Cli) -> None:
    """The hint is what was meant, or everything there is."""
    assert "did you mean fig5?" in cli.fails(4, "reproduce", "fig55")
    assert "fig5, fig6, fig7, fig8, fcf, ratings, quality, privacy, or all" in cli.fails(4, "reproduce", "x")


def test_an_experiment_without_its_data_says_where_to_put_it(cli: Cli, tmp_path: Path) -> None:
    """No traceback, and no rows are left behind."""
    options = ("--quick", "--dataset", "ml-100k", "--data-dir", tmp_path, "--out", tmp_path / "out")
    assert "u.data" in cli.fails(4, "reproduce", "fig7", *options)
    assert not (tmp_path / "out" / "results").exists()


def test_the_published_page_has_every_experiment() -> None:
    """docs/RESULTS.md is complete, and what the committed rows give."""
    assert (DOCS / "RESULTS.md").read_text(encoding="utf-8") == document(EXPERIMENTS, DOCS)
    assert {path.stem for path in (DOCS / "results").glob("*.csv")} == {each.name for each in EXPERIMENTS}
    assert {path.stem for path in (DOCS / "results").glob("*.png")} == {each.name for each in EXPERIMENTS}
