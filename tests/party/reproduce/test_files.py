"""What an experiment leaves behind, and the page that is made of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from feddmf.errors import InputError
from feddmf_party.reproduce.experiment import Experiment, Options, Row, Rows, Told
from feddmf_party.reproduce.files import document, perform, read_rows


def squares(options: Options, told: Told) -> Iterator[Row]:
    """Yield the square of each seed."""
    for seed in options.seeds:
        told.say(f"seed {seed}")
        yield {"seed": seed, "square": seed**2 / 3}


def section(rows: Rows) -> str:
    """Return the rows in a line."""
    return " ".join(f"{row['seed']}:{row['square']}" for row in rows) + "\n"


SQUARES = Experiment(
    name="squares",
    title="Squares",
    columns=("seed", "square"),
    run=squares,
    plot=lambda rows, path: path.write_bytes(bytes(len(rows))) and None,
    section=section,
)


def test_an_experiment_leaves_rows_plot_and_section(tmp_path: Path) -> None:
    """The section is made of the rows as they stand in the file, rounded."""
    said: list[str] = []
    text = perform(SQUARES, Options(seeds=(1, 2)), tmp_path, Told(said.append))
    assert (tmp_path / "results/squares.csv").read_text() == (
        "version,data_set,seed,square\nfull,ml-latest-small,1,0.333333\nfull,ml-latest-small,2,1.333333\n"
    )
    assert text == "On ml-latest-small; 2 seeds.\n\n1:0.333333 2:1.333333\n"
    assert (tmp_path / "results/squares.png").read_bytes() == bytes(2)
    assert said == ["seed 1", "seed 2"]


def test_the_page_is_made_of_the_rows_alone(tmp_path: Path) -> None:
    """Whoever has the CSV files gets the same page; a changed row changes it."""
    perform(SQUARES, Options(seeds=(3,)), tmp_path, Told(lambda _: None))
    page = document([SQUARES], tmp_path)
    assert "`feddmf reproduce squares`" in page
    assert "3:3.0\n" in page
    path = tmp_path / "results/squares.csv"
    path.write_text(path.read_text().replace("3.0", "4.0"))
    assert document([SQUARES], tmp_path) == page.replace("3:3.0", "3:4.0")


def test_rows_of_another_version_are_refused(tmp_path: Path) -> None:
    """A file with other columns is named, and how to make it anew."""
    perform(SQUARES, Options(seeds=(3,)), tmp_path, Told(lambda _: None))
    other = replace(SQUARES, columns=("seed", "cube"))
    with pytest.raises(
        InputError, match=r"squares\.csv has the columns version, data_set, seed, square"
    ) as caught:
        read_rows(other, tmp_path / "results/squares.csv")
    assert "feddmf reproduce squares" in (caught.value.hint or "")


def test_the_page_has_what_has_been_run(tmp_path: Path) -> None:
    """Nothing is made up where an experiment has not been run."""
    assert "Squares" not in document([SQUARES], tmp_path)


def test_a_quick_version_says_so(tmp_path: Path) -> None:
    """In the section and in every row, so that it cannot be taken for the full one."""
    options = Options(seeds=(1,), quick=True, dataset="online-retail")
    text = perform(SQUARES, options, tmp_path, Told(lambda _: None))
    assert text.startswith("On online-retail; 1 seed.\n\n**The quick version:**")
    assert "\nquick,online-retail,1," in (tmp_path / "results/squares.csv").read_text()
