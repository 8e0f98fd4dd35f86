"""`feddmf query`: the same numbers as text, JSON, CSV and Parquet; every mistake that can be asked for."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feddmf.catalogue.view import ViewItem
from feddmf.payload import Payload
from feddmf_party import prediction, prediction_table
from feddmf_party.data.arrow import parquet
from feddmf_party.prediction import Block, Predictor
from feddmf_party.run_folder import RunFolder
from support.cli import Cli, listing
from support.damage import cut, empty, garble, mark, to_folder
from support.finished import finished_run, hidden_cells, history_run, keep_peer, logit_model
from support.shops import COUNTRIES, Shops

ASKED = [f"--attribute=country-{country}" for country in COUNTRIES]
AUDIENCE_OF = ["query", "audience", "--attribute"]
AUDIENCE = [*AUDIENCE_OF, "country-France"]

UNMEASURED = "no hidden items in this protocol or recipe; scores are in order, no calibrated probabilities"


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def as_answer(row: dict[str, str]) -> dict[str, Any]:
    """Return a row of a CSV file with its values as a Parquet file has them."""
    above = {"": None, "True": True, "False": False}[row["above_threshold"]]
    return {**row, "probability": float(row["probability"]), "above_threshold": above}


def test_all_forms_hold_the_same_numbers(cli: Cli, acme: Path, tmp_path: Path) -> None:
    """JSON, CSV and Parquet of all users are equal to the last bit; text is the same, rounded."""
    rows = cli.data("query", "predict", *ASKED, "--folder", acme)["predictions"]
    data = cli.data("query", "predict", *ASKED, "--folder", acme, "--out", tmp_path / "all.CSV")
    attributes = data.pop("attributes")
    assert [(each["key"], each["kind"], each["verdict"]) for each in attributes] == [
        (f"country-{country}", "user attribute", "use") for country in COUNTRIES
    ]
    assert data == {
        "run": "try-out",
        "score_kind": "probability",
        "file": f"{tmp_path}/all.CSV",
        "rows": 80,
    }
    text = cli.text("query", "predict", *ASKED, "--folder", acme, "--out", tmp_path / "all.parquet")
    assert text == f"80 rows in {tmp_path}/all.parquet\n"
    from_csv = [as_answer(row) for row in read_csv(tmp_path / "all.CSV")]
    wanted = ("user", "attribute", "owner", "probability", "above_threshold")
    assert from_csv == [{name: row[name] for name in wanted} | {"verdict": "use"} for row in rows]
    assert parquet.read_table(tmp_path / "all.parquet").to_pylist() == from_csv
    kept = parquet.read_schema(tmp_path / "all.parquet").metadata
    assert json.loads(kept[b"feddmf.attributes"]) == attributes
    title, header, *lines = cli.text("query", "predict", *ASKED, "--folder", acme).splitlines()
    told = [lines.pop(), lines.pop()][::-1]
    assert [line.partition(" of ")[0] for line in told] == [
        f"evidence: country-{country}" for country in COUNTRIES
    ]
    assert title == "run try-out"
    assert header.split() == ["user", "attribute", "owner", "probability"]
    assert [line.split()[-1] for line in lines] == [f"{row['probability']:.4f}" for row in rows]


def test_ids_with_commas_and_quotes_survive(cli: Cli, acme: Path, tmp_path: Path) -> None:
    """Out through CSV and in again by --user, a user is the same."""
    cli.text("query", "predict", *ASKED[:1], "--folder", acme, "--out", tmp_path / "all.csv")
    users = [row["user"] for row in read_csv(tmp_path / "all.csv")]
    assert users == [f'acme, "u{number:02}"' for number in range(40)]
    again = cli.data("query", "predict", *ASKED[:1], "--folder", acme, "--user", users[7])
    assert [row["user"] for row in again["predictions"]] == [users[7]]


def test_what_is_written_is_for_its_owner_alone(cli: Cli, acme: Path, tmp_path: Path) -> None:
    """Predictions are about people; the run is in the Parquet file's metadata."""
    for name in ("new/folder/x.csv", "x.parquet"):
        cli.text("query", "predict", *ASKED, "--folder", acme, "--out", tmp_path / name)
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert parquet.read_schema(tmp_path / "x.parquet").metadata[b"feddmf.run"] == b"try-out"
    assert b"\r" not in (tmp_path / "new" / "folder" / "x.csv").read_bytes()


def test_an_audience_is_the_top_of_all_predictions(cli: Cli, acme: Path, tmp_path: Path) -> None:
    """As text, as JSON and as a file, in the same order."""
    every = cli.data("query", "predict", *ASKED[:1], "--folder", acme)["predictions"]
    best = sorted(every, key=lambda row: (-row["probability"], row["user"]))[:7]
    data = cli.data(*AUDIENCE, "--top", "7", "--folder", acme)
    assert {name: data["attribute"][name] for name in ("key", "label", "owner")} == {
        "key": "country-France",
        "label": "lives in France",
        "owner": "bolt",
    }
    # Its own probabilities are all that speaks for an attribute's audience.
    hits, all_hits = (sum(row["probability"] for row in rows) for rows in (best, every))
    assert data["expected"] == {
        "precision": {"value": pytest.approx(hits / 7), "lower": None, "upper": None},
        "recall": {"value": pytest.approx(hits / all_hits), "lower": None, "upper": None},
        "lift": {"value": pytest.approx(hits / 7 * len(every) / all_hits), "lower": None, "upper": None},
        "hits": pytest.approx(hits),
    }
    assert data["users"] == [
        {"rank": rank, "user": row["user"], "probability": row["probability"]}
        for rank, row in enumerate(best, 1)
    ]
    title, header, *lines = cli.text(*AUDIENCE, "--size", "7", "--folder", acme).splitlines()
    *lines, expected, reach, evidence = lines
    assert expected.startswith(
        f"expected: {hits:.1f} of these 7 have it, precision {hits / 7:.2f}, by the prob"
    )
    assert reach.startswith(f"recall {hits / all_hits:.2f} of all who have it, lift ")
    assert evidence.startswith("evidence: country-France of bolt, ROC-AUC ")
    assert evidence.endswith(" measured by the owner on its own users: use")
    assert title == "lives in France (country-France, offered by bolt), run try-out"
    assert header == "rank  user         probability"
    assert lines == [
        f"{rank:>4}  {row['user']}  {row['probability']:>11.4f}" for rank, row in enumerate(best, 1)
    ]
    cli.text(*AUDIENCE, "--top", "7", "--folder", acme, "--out", tmp_path / "best.csv")
    written = read_csv(tmp_path / "best.csv")
    assert [(row["user"], float(row["probability"])) for row in written] == [
        (row["user"], row["probability"]) for row in best
    ]


@pytest.mark.parametrize("top", ["41", "99999999999999999999999999"])
def test_an_audience_larger_than_all_is_all(cli: Cli, acme: Path, top: str) -> None:
    """And it is said how many there are."""
    code, out, err = cli.call(*AUDIENCE, "--top", top, "--folder", acme)
    assert (code, err) == (0, "this party has 40 users in all\n")
    assert len(out.splitlines()) == 45


def test_users_are_asked_for_by_name_and_from_a_file(cli: Cli, acme: Path, tmp_path: Path) -> None:
    """Each once, in the order given; so are attributes that are named twice."""
    file = tmp_path / "some users.txt"
    file.write_bytes('\ufeffuser\r\nacme, "u03"\r\n\r\nacme, "u01"\r\n'.encode())
    command = ["query", "predict", *ASKED[:1] * 2, "--user", 'acme, "u02"', "--user", 'acme, "u03"']
    data = cli.data(*command, "--users", file, "--folder", acme)
    assert [row["user"][-4:-1] for row in data["predictions"]] == ["u02", "u03", "u01"]


def test_files_are_written_block_by_block(
    cli: Cli, acme: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never more than a block of users is in memory as rows; the file is the same."""
    for form in ("csv", "parquet"):
        cli.text("query", "predict", *ASKED, "--folder", acme, "--out", tmp_path / f"whole.{form}")
    monkeypatch.setattr(prediction, "_BLOCK_CELLS", 6)
    sizes: list[int] = []
    rows_of = prediction_table.prediction_rows

    def counted(block: Block, backings: Any) -> Any:
        sizes.append(len(block.users))
        return rows_of(block, backings)

    monkeypatch.setattr(prediction_table, "prediction_rows", counted)
    for form in ("csv", "parquet"):
        cli.text("query", "predict", *ASKED, "--folder", acme, "--out", tmp_path / f"blocks.{form}")
    assert sizes == [3] * 13 + [1]
    rows = [
        [tuple(row.values()) for row in read_csv(tmp_path / f"{name}.csv")] for name in ("whole", "blocks")
    ]
    assert [row[:3] for row in rows[0]] == [row[:3] for row in rows[1]]
    # A product of another shape rounds otherwise.
    scores = [[float(row[3]) for row in each] for each in rows]
    assert scores[0] == pytest.approx(scores[1], rel=1e-5)
    assert parquet.ParquetFile(tmp_path / "blocks.parquet").num_row_groups == 14
    written = parquet.read_table(tmp_path / "blocks.parquet").to_pylist()
    assert [tuple(row.values()) for row in written] == [
        (*row[:3], float(row[3]), None, "use") for row in rows[1]
    ]


def test_too_much_to_show_belongs_in_a_file(cli: Cli, tmp_path: Path) -> None:
    """Over a thousand rows are refused, with what to do."""
    users = {f"u{number:04}": 0.0 for number in range(1_001)}
    finished_run(tmp_path / "runs" / "r-1", users, {"bolt": {"a": 1.0}})
    said = cli.fails(4, "query", "predict", "--attribute", "a", "--folder", tmp_path)
    assert "1001 rows are too many to show" in said
    assert "--out FILE.csv" in said
    assert "1001 rows" in cli.text(
        "query", "predict", "--attribute=a", "--folder", tmp_path, "--out", tmp_path / "x.csv"
    )


def test_the_last_run_is_asked_unless_one_is_named(cli: Cli, acme: Path) -> None:
    """--run names another."""
    shutil.copytree(acme / "runs" / "try-out", acme / "runs" / "later")
    later = RunFolder(acme / "runs" / "later")
    later.finish(later.summary())
    assert cli.data(*AUDIENCE, "--folder", acme)["run"] == "later"
    assert cli.data(*AUDIENCE, "--folder", acme, "--run", "try-out")["run"] == "try-out"


def test_two_owners_of_an_attribute_answer_together_unless_one_is_named(cli: Cli, tmp_path: Path) -> None:
    """How far they are apart stands beside, and what each counts below."""
    kept = finished_run(tmp_path / "runs" / "r-1", {"u": 1.0}, {"bolt": {"a": 1.0}, "carol": {"a": 2.0}})
    both = cli.data("query", "audience", "--attribute=a", "--folder", tmp_path)
    scores = [1 / (1 + np.exp(-logit)) for logit in (2.0, 3.0)]
    assert both["users"] == [
        {
            "rank": 1,
            "user": "u",
            "probability": pytest.approx(np.mean(scores)),
            "disagreement": pytest.approx(np.std(scores)),
        }
    ]
    text = cli.text("query", "predict", "--attribute=a", "--folder", tmp_path)
    _, header, row, *told = text.splitlines()
    assert header.split() == ["user", "attribute", "owner", "uncalibrated", "probability", "disagreement"]
    assert row.split() == ["u", "a", "bolt,", "carol", "0.9167", "0.0359"]
    assert told == [
        f"evidence: bolt, not measured: {UNMEASURED}",
        f"evidence: carol, not measured: {UNMEASURED}",
        "a: owners count bolt 50%, carol 50%; not measured",
    ]
    data = cli.data("query", "audience", "--attribute=a", "--owner", "carol", "--folder", tmp_path)
    assert data["attribute"]["owner"] == "carol"
    assert data["users"][0]["probability"] == pytest.approx(1 / (1 + np.exp(-3.0)))
    assert Predictor(kept).users == 1


def test_ids_and_labels_cannot_steer_a_terminal(cli: Cli, tmp_path: Path) -> None:
    """Marks and escape sequences are shown, not obeyed; JSON has them as they are."""
    kept = finished_run(tmp_path / "runs" / "r-1", {"[/b]\x1b[2J": 1.0, "[red]u": 0.0}, {})
    vectors = Payload({"vectors": np.array([[1.0]], dtype=np.float32)})
    kept.save_peer("bolt", [("k[/x]", "[bold]\x1b]0;owned\x07")], vectors)
    command = ["query", "audience", "--attribute", "k[/x]", "--folder", tmp_path]
    title, _, first, second, _ = cli.text(*command).splitlines()
    assert title == "[bold]\\x1b]0;owned\\x07 (k[/x], offered by bolt), run r-1"
    assert first.split()[1] == "[/b]\\x1b[2J"
    assert second.split()[1] == "[red]u"
    assert cli.data(*command)["users"][0]["user"] == "[/b]\x1b[2J"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--attribute", "country-Franc"],
            ["no peer published an attribute 'country-Franc'", "country-France"],
        ),
        (["--attribute", ""], ["no peer published an attribute ''"]),
        (
            ["--attribute", "acme-00"],
            ["'acme-00' is this party's own item in run try-out", "own table: it tells", "'aacme-00'"],
        ),
        (["--attribute", "m00", "--owner", "bolt"], ["'m00' is this party's own item", "'am00'"]),
        ([*ASKED[:1], "--owner", "carol"], ["carol published no attribute"]),
        ([*ASKED[:1], "--user", "nobody"], ["user 'nobody' was not in this party's tables"]),
        ([*ASKED[:1], "--users", "nosuch.txt"], ["nosuch.txt"]),
        ([*ASKED[:1], "--users", "."], ["Is a directory"]),
        ([*ASKED[:1], "--users", "FOLDER/empty"], ["empty names no user"]),
        ([*ASKED[:1], "--users", "FOLDER/bytes"], ["bytes"]),
        ([*ASKED[:1], "--run", "nosuch"], ["no finished run 'nosuch'"]),
        ([*ASKED[:1], "--out", "FOLDER/x.txt"], ["cannot tell the format of", ".csv or .parquet"]),
        ([*ASKED[:1], "--out", "FOLDER/x"], ["cannot tell the format of"]),
        ([*ASKED[:1], "--out", "FOLDER/new/x.csv", "--user", "nobody"], ["user 'nobody'"]),
        ([*ASKED[:1], "--out", "FOLDER/new/x.parquet", "--user", "nobody"], ["user 'nobody'"]),
    ],
)
def test_a_question_that_cannot_be_answered_writes_nothing(
    cli: Cli, acme: Path, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    """What is wrong with it; no file and no folder is made."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\xff\n")
    before = listing(tmp_path)
    given = [argument.replace("FOLDER", str(tmp_path)) for argument in arguments]
    said = cli.fails(4, "query", "predict", *given, "--folder", acme)
    assert all(word in said for word in words), said
    assert listing(tmp_path) == before


@pytest.mark.parametrize("name", ["taken.csv", "taken.parquet", "file/x.csv"])
def test_a_place_that_is_taken_stays_as_it_is(cli: Cli, acme: Path, tmp_path: Path, name: str) -> None:
    """A folder of that name, or a file where a folder should be: exit code 6."""
    (tmp_path / "taken.csv").mkdir()
    (tmp_path / "taken.parquet").mkdir()
    (tmp_path / "file").write_text("mine")
    before = listing(tmp_path)
    said = cli.fails(6, "query", "predict", *ASKED, "--folder", acme, "--out", tmp_path / name)
    assert f"cannot write {tmp_path / name}" in said
    assert listing(tmp_path) == before


def test_a_link_is_replaced_and_not_followed(cli: Cli, acme: Path, tmp_path: Path) -> None:
    """What a link points to stays; the link becomes the file."""
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "x.csv").symlink_to("precious")
    cli.text("query", "predict", *ASKED, "--folder", acme, "--out", tmp_path / "x.csv")
    assert (tmp_path / "precious").read_text() == "mine"
    assert len(read_csv(tmp_path / "x.csv")) == 80


OWN = {
    "the table": "interactions.csv",
    "the table, the long way": "runs/../interactions.csv",
    "a link to the table": "link.csv",
    "the user table": "people.csv",
    "settings": "party.toml",
    "the policy": "policy.toml",
    "the offer": "offer.toml",
    "the ledger": "ledger.jsonl",
    "a new file among runs": "runs/x.csv",
    "a kept run": "runs/try-out/users.parquet",
    "runs, through a link": "linked runs/x.csv",
    "a link that lies among runs": "runs/out.csv",
    "catalogues": "catalogue/x.csv",
    "the identity": "identity/x.csv",
}


@pytest.mark.parametrize("elsewhere", [False, True], ids=["its folder", "a simulation's"])
@pytest.mark.parametrize("name", OWN.values(), ids=OWN)
def test_what_is_a_partys_own_is_not_written_over(
    cli: Cli, acme: Path, tmp_path: Path, name: str, *, elsewhere: bool
) -> None:
    """Tables, settings and kept runs stay, also where the folder that is asked is a simulation's."""
    home = tmp_path / "north"
    shutil.copytree(acme / "runs", home / "runs")
    tables = '[data]\npath = "interactions.csv"\n[attributes]\npath = "people.csv"\ncolumns = ["country"]\n'
    (home / "party.toml").write_text(tables)
    (home / "interactions.csv").write_text("mine")
    (home / "link.csv").symlink_to("interactions.csv")
    (home / "linked runs").symlink_to("runs")
    (home / "runs" / "out.csv").symlink_to(tmp_path / "out.csv")
    before = listing(tmp_path)
    for command in (["query", "predict", *ASKED], AUDIENCE):
        said = cli.fails(4, *command, "--folder", acme if elsewhere else home, "--out", home / name)
        assert f"{home / name} is one of the party's own files, or in one of its own folders" in said
        assert "name another file with --out" in said
    assert listing(tmp_path) == before


def test_a_table_outside_the_partys_folder_is_its_own_too(cli: Cli, acme: Path, tmp_path: Path) -> None:
    """A link in the folder that leads to it as well."""
    (tmp_path / "outside.csv").write_text("mine")
    (acme / "linked.csv").symlink_to("../outside.csv")
    for path in ("../outside.csv", "linked.csv"):
        (acme / "party.toml").write_text(f'[data]\npath = "{path}"\n')
        for out in (tmp_path / "outside.csv", acme / "linked.csv"):
            assert "own files" in cli.fails(4, *AUDIENCE, "--folder", acme, "--out", out)
    assert (tmp_path / "outside.csv").read_text() == "mine"


@pytest.mark.parametrize("name", ["shop.db", "shop.db-wal", "linked.db"])
def test_an_sqlite_database_is_the_partys_own_too(
    cli: Cli, acme: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """By a path of its URL, or by a variable that holds the URL; one that is not set is no matter."""
    (acme / "shop.db").write_text("mine")
    (acme / "linked.db").symlink_to("shop.db")
    monkeypatch.setenv("SHOP_URL", f"sqlite:///{acme / 'shop.db'}")
    for url in ("sqlite:///shop.db", "sqlite:///linked.db", "${SHOP_URL}"):
        (acme / "party.toml").write_text(f'[data]\nurl = "{url}"\ntable = "sales"\n')
        if name == "shop.db" or url != "sqlite:///linked.db":
            assert "own files" in cli.fails(4, *AUDIENCE, "--folder", acme, "--out", acme / name)
    monkeypatch.delenv("SHOP_URL")
    cli.text(*AUDIENCE, "--folder", acme, "--out", acme / "new.csv")
    assert (acme / "shop.db").read_text() == "mine"


def test_an_earlier_export_is_written_over(cli: Cli, acme: Path) -> None:
    """In the party's folder too, beside its own files; links in a circle are no file of its."""
    (acme / "party.toml").write_text('[data]\npath = "interactions.csv"\n')
    (acme / "round.csv").symlink_to("round.csv")
    for name in ("x.csv", "x.csv", "sent/x.csv", "sent/x.csv", "round.csv"):
        cli.text("query", "predict", *ASKED[:1], "--folder", acme, "--out", acme / name)
        assert len(read_csv(acme / name)) == 40


@pytest.mark.parametrize(
    ("protocol", "kind", "arrays"),
    [
        ("fcf", "preference", {"user_factors": [[1.0], [0.5]]}),
        ("transfer", "linear score", {"users.bolt": [[1.0], [0.5]]}),
    ],
)
def test_scores_that_are_no_probabilities_are_not_called_so(
    cli: Cli, tmp_path: Path, protocol: str, kind: str, arrays: dict[str, Any]
) -> None:
    """JSON, CSV and Parquet say `score`, and what kind of score beside it."""
    kept = RunFolder(tmp_path / "runs" / "r-1")
    floats = {name: np.array(each, dtype=np.float32) for name, each in arrays.items()}
    kept.save_model(floats, ["ann", "bob"])
    keep_peer(kept, "bolt", {"pen": 0.5})
    kept.finish({"run": "r-1", "plan": {"settings": {"protocol": protocol}}})
    command = ["query", "predict", "--attribute", "pen", "--folder", tmp_path]
    data = cli.data(*command)
    assert data["score_kind"] == kind
    rows = [
        {"user": "ann", "attribute": "pen", "owner": "bolt", "score": 0.5},
        {"user": "bob", "attribute": "pen", "owner": "bolt", "score": 0.25},
    ]
    nothing = {"above_threshold": None, "disagreement": None}
    assert data["predictions"] == [row | nothing for row in rows]
    assert data["attributes"][0]["verdict"] == "not measured"
    for name in ("x.csv", "x.parquet"):
        assert cli.data(*command, "--out", tmp_path / name)["score_kind"] == kind
    said = {"above_threshold": "", "verdict": "not measured"}
    in_csv = read_csv(tmp_path / "x.csv")
    assert [{**row, "score": float(row["score"])} for row in in_csv] == [row | said for row in rows]
    written = parquet.read_table(tmp_path / "x.parquet")
    assert written.to_pylist() == [row | said | {"above_threshold": None} for row in rows]
    assert written.schema.metadata[b"feddmf.score_kind"] == kind.encode()
    audience = cli.data("query", "audience", "--attribute", "pen", "--folder", tmp_path)
    assert audience["users"] == [
        {"rank": 1, "user": "ann", "score": 0.5},
        {"rank": 2, "user": "bob", "score": 0.25},
    ]
    assert audience["expected"] is None
    _, header, *_, told = cli.text(*command).splitlines()
    assert header.split(maxsplit=3) == ["user", "attribute", "owner", kind]
    assert told == f"evidence: bolt, not measured: {UNMEASURED}"


# Probabilities of pen are sigmoid(affinity): .95, .88, .5, .27, .02.
AFFINITIES = {"ann": 3.0, "bob": 2.0, "cat": 0.0, "dan": -1.0, "eve": -4.0}
GOOD = hidden_cells(400, 120, skill=1.0)
SMALL = hidden_cells(60, 20, skill=1.0)
CHANCE = hidden_cells(120, 60, skill=0.0)
EMPTY = GOOD[0], np.zeros_like(GOOD[1])
PEN = ["--attribute", "pen", "--folder"]


def measured_run(folder: Path, *hidden: tuple[Any, Any]) -> Path:
    """Return a party's folder with a run in which peers, by their evidence, published a pen."""
    peers = ("bolt", "cargo")[: len(hidden)]
    offered: dict[str, dict[str, float | tuple[float, float, float]]] = {
        peer: {"pen": 1.0, "vip=yes": (0.0, 0.6, 0.001)} for peer in peers
    }
    history_run(folder / "runs" / "r-1", AFFINITIES, offered, dict(zip(peers, hidden, strict=True)))
    return folder


def test_an_audience_says_what_to_expect_of_it_and_why(cli: Cli, tmp_path: Path) -> None:
    """Expected precision with its interval, expected hits, and the hidden items behind them."""
    measured_run(tmp_path, GOOD)
    data = cli.data("query", "audience", *PEN, tmp_path, "--size", 2)
    expected, evidence = data["expected"], data["attribute"]["evidence"][0]
    precision = expected["precision"]
    assert 0 <= precision["lower"] < precision["value"] < precision["upper"] <= 1
    assert precision["value"] == pytest.approx(0.92, abs=0.05)
    assert expected["hits"] == pytest.approx(2 * precision["value"])
    assert (evidence["run"], evidence["owner"], evidence["hidden_items"]) == ("r-1", "bolt", 120)
    assert evidence["roc_auc"]["lower"] < evidence["roc_auc"]["value"] < evidence["roc_auc"]["upper"]
    assert (evidence["verdict"], evidence["threshold"], data["attribute"]["threshold"]) == ("use", 0.5, 0.5)
    lines = cli.text("query", "audience", *PEN, tmp_path, "--size", 2).splitlines()
    assert re.fullmatch(
        r"expected: 1\.\d of these 2 have it, precision 0\.\d\d \(0\.\d\d to 1\.00\)", lines[-3]
    )
    reach = r"recall 0\.\d\d \(0\.\d\d to 1\.00\) of all who have it, lift 1\.\d \(\d\.\d to \d\.\d\) over .*"
    assert re.fullmatch(reach, lines[-2])
    figure = r"0\.\d{3} \(0\.\d{3} to 0\.\d{3}\)"
    wanted = f"evidence: bolt, ROC-AUC {figure} on 120 hidden items, threshold 0\\.500: use"
    assert re.fullmatch(wanted, lines[-1])


@pytest.mark.parametrize(
    ("cut", "users"),
    [
        (["--above", "0.4"], ["ann", "bob", "cat"]),
        (["--threshold"], ["ann", "bob"]),
        (["--above", "0.99"], []),
        (["--size", "1"], ["ann"]),
        ([], list(AFFINITIES)),
    ],
)
def test_an_audience_is_cut_by_size_or_by_probability(
    cli: Cli, tmp_path: Path, cut: list[str], users: list[str]
) -> None:
    """By a probability, or by the threshold that hidden items chose; nobody is an audience too."""
    data = cli.data("query", "audience", *PEN, measured_run(tmp_path, GOOD), *cut)
    assert [row["user"] for row in data["users"]] == users
    assert (data["expected"] is None) == (not users)


def test_a_row_says_whether_it_is_above_the_threshold(cli: Cli, tmp_path: Path) -> None:
    """In JSON and in text."""
    measured_run(tmp_path, GOOD)
    data = cli.data("query", "predict", *PEN, tmp_path)
    above = [True, True, False, False, False]
    assert [row["above_threshold"] for row in data["predictions"]] == above
    _, header, *rows = cli.text("query", "predict", *PEN, tmp_path).splitlines()
    assert header.split() == ["user", "attribute", "owner", "probability", "above"]
    assert [row.split()[-1] for row in rows[:5]] == ["yes" if each else "no" for each in above]


def test_a_file_has_the_threshold_and_the_verdict_too(cli: Cli, tmp_path: Path) -> None:
    """A row a user, as the terminal shows it; of a user attribute no threshold was chosen."""
    measured_run(tmp_path, GOOD)
    above = [True, True, False, False, False]
    for name in ("x.csv", "x.parquet"):
        for verb in ("predict", "audience"):
            cli.text("query", verb, *PEN, tmp_path, "--out", tmp_path / name)
            rows = (
                [as_answer(row) for row in read_csv(tmp_path / name)]
                if name == "x.csv"
                else parquet.read_table(tmp_path / name).to_pylist()
            )
            assert [row["above_threshold"] for row in rows] == above
            assert {row["verdict"] for row in rows} == {"use"}
    cli.text("query", "predict", "--attribute=vip=yes", *PEN, tmp_path, "--out", tmp_path / "x.parquet")
    rows = parquet.read_table(tmp_path / "x.parquet").to_pylist()
    assert [row["above_threshold"] for row in rows[::2]] == [None] * 5
    assert [row["above_threshold"] for row in rows[1::2]] == above
    assert [row["verdict"] for row in rows[:2]] == ["use with care", "use"]


def test_what_is_of_no_use_is_not_answered(cli: Cli, tmp_path: Path) -> None:
    """Unless it is wanted all the same, and then with a warning."""
    measured_run(tmp_path, CHANCE)
    for verb in ("predict", "audience"):
        said = cli.fails(4, "query", verb, *PEN, tmp_path)
        assert "run r-1 does not answer for 'pen': ROC-AUC on hidden items is 0.505" in said
        assert "--anyway" in said
        code, out, err = cli.call("query", verb, *PEN, tmp_path, "--anyway")
        assert code == 0
        assert out.splitlines()[-1].endswith(": do not use")
        assert err.startswith("pen: do not use: ROC-AUC on hidden items is 0.505")
    out_file = tmp_path / "x.csv"
    cli.fails(4, "query", "predict", *PEN, tmp_path, "--out", out_file)
    assert not out_file.exists()


def test_hidden_items_that_nobody_here_has_are_no_evidence(cli: Cli, tmp_path: Path) -> None:
    """The run tried to measure and could not: its answers are not for use."""
    said = cli.fails(4, "query", "audience", *PEN, measured_run(tmp_path, EMPTY))
    assert "too few hidden items, or too few users here who have one" in said


def test_what_is_to_be_used_with_care_comes_with_a_warning(cli: Cli, tmp_path: Path) -> None:
    """On stderr, with the reasons; the answer is as always, in a file too."""
    measured_run(tmp_path, SMALL)
    for more in ([], ["--out", tmp_path / "x.csv"]):
        code, _, err = cli.call("query", "predict", *PEN, tmp_path, *more)
        assert code == 0
        assert err.startswith("pen: use with care: measured on only 20 hidden items; ")
    data = cli.data("query", "audience", *PEN, tmp_path)
    assert data["attribute"]["verdict"] == "use with care"
    assert data["attribute"]["reasons"][0] == "measured on only 20 hidden items"


def test_of_two_owners_the_one_who_is_better_speaks_for_the_answer(cli: Cli, tmp_path: Path) -> None:
    """An owner no better than chance does not count; each one's evidence is there."""
    measured_run(tmp_path, GOOD, CHANCE)
    data = cli.data("query", "audience", *PEN, tmp_path)
    assert [each["verdict"] for each in data["attribute"]["evidence"]] == ["use", "do not use"]
    assert (data["attribute"]["verdict"], data["attribute"]["threshold"]) == ("use", pytest.approx(0.5))
    said = cli.fails(4, "query", "audience", *PEN, tmp_path, "--owner", "cargo")
    assert "does not answer for 'pen'" in said


def test_who_alone_counts_disagrees_with_nobody(cli: Cli, tmp_path: Path) -> None:
    """A dash for people, null for programs; the column stays, since there are two owners."""
    measured_run(tmp_path, GOOD, CHANCE)
    for verb, rows in (("audience", "users"), ("predict", "predictions")):
        data = cli.data("query", verb, *PEN, tmp_path)
        assert [row["disagreement"] for row in data[rows]] == [None] * 5
        _, header, *lines = cli.text("query", verb, *PEN, tmp_path).splitlines()
        assert header.split()[-1] == "disagreement"
        assert [line.split()[-1] for line in lines[:5]] == ["-"] * 5


def test_attributes_are_combined(cli: Cli, tmp_path: Path) -> None:
    """Probabilities multiply, as independent given the user; one that is named twice is one."""
    measured_run(tmp_path, GOOD)
    pen, vip = ({row["user"]: row["probability"] for row in cli.data(*one, "--folder", tmp_path)["users"]}
                for one in ([*AUDIENCE_OF, "pen"], [*AUDIENCE_OF, "vip=yes"]))  # fmt: skip
    folder = ["--folder", tmp_path]
    both = cli.data(*AUDIENCE_OF, "vip=yes", "--attribute=pen", *folder)
    assert {row["user"]: row["probability"] for row in both["users"]} == {
        user: pytest.approx(pen[user] * vip[user]) for user in pen
    }
    assert (both["attribute"], both["criteria"]["all"]) == (None, ["vip=yes", "pen"])
    assert both["criteria"]["verdict"] == "use with care"
    assert both["expected"]["precision"]["lower"] is None, "nothing at home speaks for the user attribute"
    unlike = cli.data(*AUDIENCE_OF, "pen", "--not=vip=yes", *folder)["users"]
    assert {row["user"]: row["probability"] for row in unlike} == {
        user: pytest.approx(pen[user] * (1 - vip[user])) for user in pen
    }
    either = cli.data("query", "audience", "--any=pen", "--any=vip=yes", *folder)["users"]
    assert {row["user"]: row["probability"] for row in either} == {
        user: pytest.approx(1 - (1 - pen[user]) * (1 - vip[user])) for user in pen
    }
    assert cli.data(*AUDIENCE_OF, "pen", *PEN, tmp_path)["attribute"]["key"] == "pen"
    title, header, *_ = cli.text(*AUDIENCE_OF, "pen", "--not=vip=yes", *folder).splitlines()
    assert title.strip() == "PEN and not VIP=YES (offered by bolt), run r-1"
    assert header.split() == ["rank", "user", "probability"]
    cli.text(*AUDIENCE_OF, "pen", "--not=vip=yes", *folder, "--out", tmp_path / "x.csv")
    _, first, *_ = (tmp_path / "x.csv").read_text().splitlines()
    assert first.startswith("ann,pen and not vip=yes,bolt,")
    assert first.endswith(",,use with care")


def test_what_cannot_be_combined_is_said(cli: Cli, tmp_path: Path) -> None:
    """Nothing to have, one thing twice, and a threshold that was chosen for something else."""
    measured_run(tmp_path, GOOD)
    folder = ["--folder", tmp_path]
    assert "needs an attribute" in cli.fails(4, "query", "audience", "--not=pen", *folder)
    assert "'pen' is named twice" in cli.fails(4, *AUDIENCE_OF, "pen", "--not=pen", *folder)
    said = cli.fails(4, *AUDIENCE_OF, "pen", "--not=vip=yes", "--threshold", *folder)
    assert "no threshold was chosen for pen and not vip=yes" in said


def test_a_preview_names_nobody(cli: Cli, tmp_path: Path) -> None:
    """The audience's own figures, those of other sizes, and how the probabilities are spread."""
    measured_run(tmp_path, GOOD)
    asked = [*AUDIENCE_OF, "pen", "--size=2", "--folder", tmp_path]
    found, seen = cli.data(*asked), cli.data(*asked, "--preview")
    assert (seen["size"], seen["users"], seen["expected"]) == (2, 5, found["expected"])
    assert seen["above"] == found["users"][-1]["probability"]
    assert [point["size"] for point in seen["curve"]] == [1, 2, 3, 4, 5]
    assert seen["curve"][1]["expected"] == seen["expected"]
    assert sum(bar["users"] for bar in seen["histogram"]) == 5
    assert not any(name in json.dumps(seen) for name in AFFINITIES)
    text = cli.text(*asked, "--preview")
    assert "2 of 5 users, down to 0." in text
    assert "of as many of the busiest users: precision" in text
    assert not any(name in text for name in AFFINITIES)
    said = cli.fails(4, *asked, "--preview", "--out", tmp_path / "x.csv")
    assert "--preview names nobody" in said


def test_nobody_is_said_in_a_sentence(cli: Cli, tmp_path: Path) -> None:
    """With how high the scores go; a file has its header alone."""
    measured_run(tmp_path, GOOD)
    command = ["query", "audience", *PEN, tmp_path, "--above", "0.99"]
    title, nobody, evidence = cli.text(*command).splitlines()
    assert title == "PEN (pen, offered by bolt), run r-1"
    assert nobody == "nobody is above 0.99; the highest is 0.9526"
    assert evidence.startswith("evidence: bolt, ROC-AUC")
    code, out, err = cli.call(*command, "--out", tmp_path / "x.csv")
    assert (code, out, err) == (0, f"0 rows in {tmp_path}/x.csv\n", f"{nobody}\n")
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 1
    cli.text(*command, "--out", tmp_path / "x.parquet")
    assert parquet.read_table(tmp_path / "x.parquet").num_rows == 0


def test_what_was_not_measured_is_said_with_every_answer(cli: Cli, tmp_path: Path) -> None:
    """Beside a file and beside JSON on stderr, in text in the evidence."""
    finished_run(tmp_path / "runs" / "r-1", {"u": 1.0}, {"bolt": {"a": 1.0}})
    for command in (["query", "predict"], ["query", "audience"]):
        asked = [*command, "--attribute=a", "--folder", tmp_path]
        for form in (["--out", tmp_path / "x.csv"], ["--format", "json"]):
            code, _, err = cli.call(*asked, *form)
            assert (code, err) == (0, f"a: not measured: {UNMEASURED}\n")
        code, out, err = cli.call(*asked)
        _, header, _, told = out.splitlines()
        assert (code, err, told) == (0, "", f"evidence: bolt, not measured: {UNMEASURED}")
        assert header.endswith("uncalibrated probability")
    assert cli.data(*asked)["attribute"]["calibrated"] is False


def test_too_few_hidden_items_leave_probabilities_uncalibrated(cli: Cli, tmp_path: Path) -> None:
    """Which is said where they are wanted all the same."""
    measured_run(tmp_path, EMPTY)
    _, header, *_, told = cli.text("query", "audience", *PEN, tmp_path, "--anyway").splitlines()
    assert header.endswith("uncalibrated probability")
    assert told.startswith("evidence: bolt, not measured: too few hidden items")
    assert told.endswith("probabilities are in order, not calibrated")


def test_a_user_attribute_is_judged_by_what_its_owner_tells(cli: Cli, tmp_path: Path) -> None:
    """Hidden items say nothing of it, and chose no threshold for it."""
    measured_run(tmp_path, CHANCE)
    command = ["query", "audience", "--attribute", "vip=yes", "--folder", tmp_path]
    data = cli.data(*command)["attribute"]
    assert (data["kind"], data["verdict"], data["evidence"][0]["hidden_items"]) == (
        "user attribute",
        "use with care",
        0,
    )
    assert data["evidence"][0]["roc_auc"]["value"] == pytest.approx(0.6)
    assert "no threshold was chosen for 'vip=yes'" in cli.fails(4, *command, "--threshold")


def test_ways_to_cut_exclude_each_other(cli: Cli, tmp_path: Path) -> None:
    """One ranking has one cut."""
    measured_run(tmp_path, GOOD)
    said = cli.fails(4, "query", "audience", *PEN, tmp_path, "--above", "0.5", "--threshold")
    assert "--size, --above and --threshold each cut the ranking" in said


def test_users_who_came_later_are_scored_by_their_items(cli: Cli, acme: Path, shops: Shops) -> None:
    """Users of the run, taken for new ones, get the scores that they have."""
    shutil.copytree(acme / "runs", shops.folder("acme") / "runs")
    command = ["query", "predict", *ASKED, "--attribute", "bolt-00", "--folder"]
    known = cli.data(*command, acme)["predictions"]
    for folder in (acme, shops.folder("acme")):
        table = shops.folder("acme") / "interactions.csv"
        new = cli.data(*command, folder, "--interactions", table)["predictions"]
        assert [row["user"] for row in new] == [row["user"] for row in known]
        assert [row["probability"] for row in new] == pytest.approx(
            [row["probability"] for row in known], abs=1e-6
        )
    (acme / "later.csv").write_text("user,item\nzoe,am03\nzoe,am05\nyan,am00\n")
    (acme / "party.toml").write_text('[data]\nurl = "sqlite:///shop.db"\ntable = "sales"\n')
    later = cli.data(*command, acme, "--interactions", acme / "later.csv", "--user", "zoe")["predictions"]
    assert [row["user"] for row in later] == ["zoe"] * 3


def test_few_items_and_users_of_the_run_are_said(cli: Cli, acme: Path) -> None:
    """How many there are of each among those asked for; nothing is said of others."""
    known, table = 'acme, "u00"', acme / "later.csv"
    full = "".join(f"full,am{number:02}\n" for number in range(20))
    table.write_text(f'user,item\nzoe,am03\n"{known.replace(chr(34), chr(34) * 2)}",am05\n{full}')
    command = ["query", "predict", *ASKED[:1], "--folder", acme, "--interactions", table]
    data = cli.data(*command)["newcomers"]
    assert (data["users"], data["users_of_the_run"], data["users_with_few_items"]) == (3, 1, 2)
    assert 3 <= data["few_items_are_under"] <= data["median_items_in_the_run"] < 20
    for more in ([], ["--out", acme / "x.csv"]):
        code, _, err = cli.call(*command, *more)
        one, two = err.splitlines()
        assert code == 0
        assert one.startswith(f"in run try-out too: 1 of 3 users, scored here by {table} alone; ")
        assert two.startswith(f"fewer than {data['few_items_are_under']} items: 2 of 3 users; the median in ")
        assert two.endswith("how far the evidence holds for users with so few was not measured")
    assert cli.call(*command, "--user", "full")[2] == ""


def test_a_user_who_is_not_in_the_new_table_is_said(cli: Cli, acme: Path) -> None:
    """And whether the run knew the user."""
    (acme / "later.csv").write_text("user,item\nzoe,am03\n")
    command = ["query", "predict", *ASKED[:1], "--folder", acme, "--interactions", acme / "later.csv"]
    said = cli.fails(4, *command, "--user", "zoe", "--user", "yan")
    assert f"user 'yan' is not in {acme}/later.csv, whose users alone are scored" in said
    assert "add the user's rows to the file" in said
    said = cli.fails(4, *command, "--user", 'acme, "u00"')
    assert "leave --interactions out: 'acme, \"u00\"' was in run try-out" in said


def test_an_item_that_the_run_did_not_know_is_named(cli: Cli, acme: Path) -> None:
    """By row and item; a damaged list of the run's items by its file."""
    table = acme / "later.csv"
    table.write_text("user,item\nzoe,am03\nzoe,am99\n")
    command = ["query", "predict", *ASKED, "--folder", acme, "--interactions", table]
    said = cli.fails(4, *command)
    assert "later.csv" in said
    assert "item 'am99' is not in the catalogue" in said
    assert "row 2" in said
    cut(acme / "runs" / "try-out" / "items.parquet")
    assert "items.parquet" in cli.fails(4, *command)


def test_only_histories_score_users_that_they_have_not_seen(cli: Cli, tmp_path: Path) -> None:
    """Another model has a vector a user, and none for others."""
    kept = finished_run(tmp_path / "runs" / "r-1", {"u": 1.0}, {"bolt": {"a": 1.0}})
    kept.save_model(logit_model([1.0]), ["u"], [ViewItem(key="x", label="", local_id="local x", peers=())])
    (tmp_path / "later.csv").write_text("user,item\nzoe,local x\n")
    command = ["query", "predict", "--attribute=a", "--folder", tmp_path]
    said = cli.fails(4, *command, "--interactions", tmp_path / "later.csv")
    assert "only a history tower scores users that it has not seen" in said


def damages() -> Iterator[tuple[str, Callable[[Path], object]]]:
    """Yield each file of a finished run with each damage that it cannot survive."""
    names = ["run.json", "model.safetensors", "users.parquet", "peers/bolt.json", "peers/bolt.safetensors"]
    for name in names:
        yield from ((name, damage) for damage in (cut, garble, empty, to_folder))
    for name in ("model.safetensors", "users.parquet", "peers/bolt.safetensors"):
        yield name, mark
    for name in ("model.safetensors", "users.parquet", "peers/bolt.safetensors"):
        yield name, Path.unlink


@pytest.mark.parametrize(("name", "damage"), list(damages()))
def test_a_damaged_run_is_named_by_its_file(
    cli: Cli, acme: Path, name: str, damage: Callable[[Path], object]
) -> None:
    """Exit code 4, and what to do about it; a run whose end is no file has not finished."""
    damage(acme / "runs" / "try-out" / name)
    for command in (AUDIENCE, ["query", "predict", *ASKED], ["attributes", "list"]):
        said = cli.fails(4, *command, "--folder", acme)
        assert name in said or "has finished no run yet" in said
    assert "no run yet" not in said or name == "run.json"


def test_vectors_of_another_dimension_are_named(cli: Cli, acme: Path) -> None:
    """A peer's vectors that do not fit this party's model."""
    keep_peer(RunFolder(acme / "runs" / "try-out"), "bolt", {"country-France": 1.0})
    said = cli.fails(4, *AUDIENCE, "--folder", acme)
    assert "bolt's vectors" in said
    assert "have 1 numbers, the model takes 74" in said


def test_other_folders_are_no_partys(cli: Cli, tmp_path: Path) -> None:
    """An empty one, and one that does not exist."""
    for folder in (tmp_path, tmp_path / "nothing"):
        assert f"{folder} is not a party's folder" in cli.fails(4, *AUDIENCE, "--folder", folder)
