"""`feddmf evaluate`: from tables of one's own to rows and tables, and every mistake on the way."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from feddmf.evaluation import ALL_METRICS
from feddmf_party.evaluating.contenders import CONTENDERS
from feddmf_party.evaluating.measuring import TRUST
from support.cli import Cli, listing

FIGURES = {*ALL_METRICS, *TRUST, "seconds", "rounds", "bytes_sent"}
COLUMNS = ("--user-column", "who", "--item-column", "what")


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    """Return a table of 40 users and 30 items, whose tastes go by parity."""
    generator = np.random.default_rng(3)
    chance = np.where(np.arange(40)[:, None] % 2 == np.arange(30) % 2, 0.6, 0.1)
    rows = [
        f"u{user:02},i{item:02},{1 + (user * item) % 5}"
        for user, item in zip(*np.nonzero(generator.random((40, 30)) < chance), strict=True)
    ]
    path = tmp_path / "sales.csv"
    path.write_text("\n".join(["who,what,stars", *rows]) + "\n")
    return path


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Return a table of the users' parity and of what each has alone."""
    path = tmp_path / "people.csv"
    rows = [f"u{user:02},{'odd' if user % 2 else 'even'},n{user}" for user in range(40)]
    path.write_text("\n".join(["who,parity,name", *rows]) + "\n")
    return path


def quick(table: Path, *more: object) -> tuple[object, ...]:
    """Return an evaluation of one seed of a table."""
    return ("evaluate", "--interactions", table, *COLUMNS, "--seeds", 1, *more)


def test_rows_and_summary_of_every_protocol_named(cli: Cli, sales: Path, tmp_path: Path) -> None:
    """Rows by protocol and seed, their mean and deviation, and the same rows as CSV."""
    data = cli.data(
        *quick(sales, "--protocol", "popularity,transfer,random", "--value-column", "stars"),
        *("--min-value", 2, "--seeds", 2, "--out", tmp_path / "new" / "rows.csv"),
    )
    found = [(row["protocol"], row["seed"]) for row in data["rows"]]
    assert found == [(name, seed) for name in ("popularity", "transfer", "random") for seed in (0, 1)]
    assert all(set(row) == FIGURES | {"protocol", "seed"} for row in data["rows"])
    assert set(data["summary"]) == {"popularity", "transfer", "random"}
    for summary in data["summary"].values():
        assert set(summary) == FIGURES
        assert all(set(each) == {"mean", "std"} for each in summary.values())
    with (tmp_path / "new" / "rows.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["roc_auc"] for row in written] == [str(row["roc_auc"]) for row in data["rows"]]


def test_people_get_aligned_tables_and_what_thresholds_mean(cli: Cli, sales: Path) -> None:
    """One line a contender in each table, mean and deviation; no progress where nobody looks on."""
    code, out, err = cli.call(*quick(sales, "--protocol", "transfer,popularity_x_activity", "--seeds", 2))
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith("sales.csv: 40 users, 30 items, 416 pairs, dealt to 2 parties")
    assert [line.split()[0] for line in lines if "±0.0" in line] == [
        "transfer",
        "popularity_x_activity",
    ] * 2
    header = next(line for line in lines if "ROC-AUC" in line)
    first = next(line for line in lines if line.startswith("transfer"))
    assert first.index("±") == header.index("ROC-AUC") + len("0.000")
    assert "it depends on how many per positive" in out
    assert "never on test cells" in out


def test_what_has_no_meaning_is_null_and_said(cli: Cli, sales: Path) -> None:
    """Without validation items no threshold is chosen."""
    arguments = quick(sales, "--protocol", "popularity", "--validation-share", 0)
    (row,) = cli.data(*arguments)["rows"]
    assert row["f1_at_chosen"] is None
    assert row["f1_best"] > 0
    code, out, err = cli.call(*arguments)
    assert code == 0
    assert "no threshold is chosen" in err
    assert " - " in out


def test_attributes_come_with_their_reference(cli: Cli, sales: Path, people: Path) -> None:
    """One entry an attribute that is frequent on both sides; rare ones are said to be left out."""
    pytest.importorskip("sklearn")
    arguments = quick(sales, "--protocol", "transfer", "--user-attributes", people)
    found = cli.data(*arguments)["summary"]["attributes"]
    assert set(found) == {"parity=even", "parity=odd"}
    for figures in found.values():
        assert set(figures) == {"roc_auc", "average_precision", "reference_roc_auc"}
        assert min(figures["roc_auc"], figures["reference_roc_auc"]) > 0.7
    _, out, err = cli.call(*arguments, "--attribute-owner", 1)
    assert "parity=odd" in out
    assert "left out for want of users on one side: name=n0, name=n1" in err
    assert "and 35 more" in err


@pytest.mark.parametrize("sharing", ["all", "subsets"])
def test_three_parties_with_run_settings_of_ones_own(cli: Cli, sales: Path, sharing: str) -> None:
    """Every option of the split, and a key of the run file."""
    (row,) = cli.data(
        *quick(sales, "--protocol", "transfer", "--parties", 3, "--matched", 0.6, "--sharing", sharing),
        *("--user-share", 0.5, "--item-share", 0.2, "--set", "transfer.rank=3"),
    )["rows"]
    assert (row["rounds"], row["bytes_sent"] > 0) == (2, True)


MISTAKES: dict[str, tuple[tuple[object, ...], list[str]]] = {
    "protocol": (("--protocol", "feddfm"), ["no protocol or baseline 'feddfm'", "'feddmf'"]),
    "no protocol": (("--protocol", ","), ["no protocol is named"]),
    "unknown key": (("--set", "training.epoch=2"), ["unknown key training.epoch", "'epochs'"]),
    "no key": (("--set", "epochs"), ["--set epochs is not KEY=VALUE"]),
    "seed": (("--set", "seed=2"), ["seed is set by --seeds"]),
    "seeds": (("--seeds", 0), ["'--seeds'"]),
    "one party": (("--parties", 1), ["'--parties'"]),
    "many parties": (("--parties", 17), ["'--parties'"]),
    "share": (("--matched", 1.5), ["matched = 1.5 is no share"]),
    "nan share": (("--user-share", "nan"), ["user_share = nan is no share"]),
    "empty party": (("--user-share", 1), ["south would have no user"]),
    "no overlap": (("--matched", 0), ["feddmf at seed 0: north shares no item", "--matched"]),
    "nothing held back": (("--matched", 1), ["nothing is held back at seed 0"]),
    "sharing": (("--sharing", "some"), ["'some' is not one of 'all', 'subsets'"]),
    "no number": (("--value-column", "what"), ["'what' is named twice"]),
    "value": (("--min-value", 1), ["min_value needs value_column"]),
    "column": (("--item-column", "wat"), ["sales.csv: no column 'wat'", "did you mean 'what'?"]),
    "both": (("--dataset", "ml-latest-small"), ["either --dataset or --interactions, not both"]),
    "owner": (("--user-attributes", "x.csv", "--attribute-owner", 3), ["no party 3 among 2"]),
    "attributes": (("--user-attributes", "/nowhere.csv"), ["/nowhere.csv: no such file"]),
    "bins": (("--user-attributes", "x.csv", "--bins", "age=9,2"), ["--bins age=9,2", "does not ascend"]),
    "bins of nothing": (("--bins", "age=25"), ["--bins is for --user-attributes"]),
    "out": (("--out", "/"), ["/ cannot be a file"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_and_nothing_is_written(cli: Cli, sales: Path, tmp_path: Path, name: str) -> None:
    """What, where and what to do, with exit code 4."""
    arguments, words = MISTAKES[name]
    before = listing(tmp_path)
    said = cli.fails(4, *quick(sales, *arguments))
    assert all(word in said for word in words), said
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ["name either --dataset or --interactions"]),
        (("--dataset", "netflix"), ["no data set 'netflix'", "ml-latest-small"]),
        (("--dataset", "ml-latest-small", "--value-column", "x"), ["--value-column is for --interactions"]),
        (("--interactions", "/nowhere.csv"), ["/nowhere.csv: no such file"]),
    ],
)
def test_the_data_is_a_set_or_a_table(cli: Cli, arguments: tuple[str, ...], words: list[str]) -> None:
    """One of the two, and the options of the one that is named."""
    said = cli.fails(4, "evaluate", *arguments)
    assert all(word in said for word in words), said


def test_a_run_that_fails_ends_with_its_own_code(cli: Cli, sales: Path) -> None:
    """A probe floor that nothing reaches: exit code 1, with protocol and seed."""
    keys = ("training.epochs=1", "alignment.probe_share=0.5", "enforcement.probe_floor=1")
    arguments = [word for key in keys for word in ("--set", key)]
    assert "feddmf at seed 0: " in cli.fails(1, *quick(sales, *arguments))


def test_help_names_every_contender(cli: Cli) -> None:
    """The list that help shows is that of the code."""
    shown = " ".join(cli.call("evaluate", "--help")[1].split())
    assert [name for name in CONTENDERS if f" {name}" not in shown] == []


def test_help_loads_no_torch() -> None:
    """Who only reads the options does not wait for what trains."""
    code = (
        "import sys; from feddmf.cli.main import run; run(['evaluate', '--help']); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'sklearn', 'scipy', 'implicit')))"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert made.returncode == 0


def test_baselines_load_no_torch(sales: Path) -> None:
    """Counting needs nothing that trains."""
    arguments = [str(each) for each in quick(sales, "--protocol", "random,popularity,transfer")]
    code = (
        f"import sys; from feddmf.cli.main import run; run({arguments!r}); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'sklearn', 'scipy', 'implicit')))"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=False)
    assert made.returncode == 0, made.stderr
