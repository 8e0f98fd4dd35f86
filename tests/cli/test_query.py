"""`feddmf query`: the same numbers as text, JSON, CSV and Parquet; every mistake that can be asked for."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from feddmf.payload import Payload
from feddmf_party import prediction, prediction_table
from feddmf_party.data.arrow import parquet
from feddmf_party.prediction import Block, Predictor
from feddmf_party.run_folder import RunFolder
from support.cli import Cli, listing
from support.damage import cut, empty, garble, mark, to_folder
from support.finished import finished_run, keep_peer
from support.shops import COUNTRIES

ASKED = [f"--attribute=country-{country}" for country in COUNTRIES]
AUDIENCE = ["query", "audience", "--attribute", "country-France"]


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_all_forms_hold_the_same_numbers(cli: Cli, acme: Path, tmp_path: Path) -> None:
    """JSON, CSV and Parquet of all users are equal to the last bit; text is the same, rounded."""
    rows = cli.data("query", "predict", *ASKED, "--folder", acme)["predictions"]
    data = cli.data("query", "predict", *ASKED, "--folder", acme, "--out", tmp_path / "all.CSV")
    assert data == {
        "run": "simulated",
        "score_kind": "probability",
        "file": f"{tmp_path}/all.CSV",
        "rows": 80,
    }
    text = cli.text("query", "predict", *ASKED, "--folder", acme, "--out", tmp_path / "all.parquet")
    assert text == f"80 rows in {tmp_path}/all.parquet\n"
    from_csv = [{**row, "probability": float(row["probability"])} for row in read_csv(tmp_path / "all.CSV")]
    assert from_csv == rows
    assert parquet.read_table(tmp_path / "all.parquet").to_pylist() == rows
    title, header, *lines = cli.text("query", "predict", *ASKED, "--folder", acme).splitlines()
    assert title == "run simulated"
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
    assert parquet.read_schema(tmp_path / "x.parquet").metadata[b"feddmf.run"] == b"simulated"
    assert b"\r" not in (tmp_path / "new" / "folder" / "x.csv").read_bytes()


def test_an_audience_is_the_top_of_all_predictions(cli: Cli, acme: Path, tmp_path: Path) -> None:
    """As text, as JSON and as a file, in the same order."""
    every = cli.data("query", "predict", *ASKED[:1], "--folder", acme)["predictions"]
    best = sorted(every, key=lambda row: (-row["probability"], row["user"]))[:7]
    data = cli.data(*AUDIENCE, "--top", "7", "--folder", acme)
    assert data["attribute"] == {"key": "country-France", "label": "lives in France", "owner": "bolt"}
    assert data["users"] == [
        {"rank": rank, "user": row["user"], "probability": row["probability"]}
        for rank, row in enumerate(best, 1)
    ]
    title, header, *lines = cli.text(*AUDIENCE, "--top", "7", "--folder", acme).splitlines()
    assert title == "lives in France (country-France, offered by bolt), run simulated"
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
    assert len(out.splitlines()) == 42


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

    def counted(block: Block, attributes: Any) -> Any:
        sizes.append(len(block.users))
        return rows_of(block, attributes)

    monkeypatch.setattr(prediction_table, "prediction_rows", counted)
    for form in ("csv", "parquet"):
        cli.text("query", "predict", *ASKED, "--folder", acme, "--out", tmp_path / f"blocks.{form}")
    assert sizes == [3] * 13 + [1]
    assert (tmp_path / "blocks.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
    assert parquet.ParquetFile(tmp_path / "blocks.parquet").num_row_groups == 14
    whole, blocks = (parquet.read_table(tmp_path / f"{name}.parquet") for name in ("whole", "blocks"))
    assert blocks.equals(whole)


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
    shutil.copytree(acme / "runs" / "simulated", acme / "runs" / "later")
    later = RunFolder(acme / "runs" / "later")
    later.finish(later.summary())
    assert cli.data(*AUDIENCE, "--folder", acme)["run"] == "later"
    assert cli.data(*AUDIENCE, "--folder", acme, "--run", "simulated")["run"] == "simulated"


def test_an_attribute_of_two_owners_is_asked_for_by_owner(cli: Cli, tmp_path: Path) -> None:
    """Without one the choice is named."""
    kept = finished_run(tmp_path / "runs" / "r-1", {"u": 1.0}, {"bolt": {"a": 1.0}, "carol": {"a": 2.0}})
    assert "several owners: bolt, carol" in cli.fails(
        4, "query", "audience", "--attribute=a", "--folder", tmp_path
    )
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
    title, _, first, second = cli.text(*command).splitlines()
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
        (["--attribute", "acme-00"], ["no peer published an attribute 'acme-00'"]),
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
    "a kept run": "runs/simulated/users.parquet",
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


def test_an_earlier_export_is_written_over(cli: Cli, acme: Path) -> None:
    """In the party's folder too, beside its own files; links in a circle are no file of its."""
    (acme / "party.toml").write_text('[data]\npath = "interactions.csv"\n')
    (acme / "round.csv").symlink_to("round.csv")
    for name in ("x.csv", "x.csv", "exports/x.csv", "exports/x.csv", "round.csv"):
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
    assert data["predictions"] == rows
    for name in ("x.csv", "x.parquet"):
        assert cli.data(*command, "--out", tmp_path / name)["score_kind"] == kind
    assert [{**row, "score": float(row["score"])} for row in read_csv(tmp_path / "x.csv")] == rows
    written = parquet.read_table(tmp_path / "x.parquet")
    assert written.to_pylist() == rows
    assert written.schema.metadata[b"feddmf.score_kind"] == kind.encode()
    audience = cli.data("query", "audience", "--attribute", "pen", "--folder", tmp_path)
    assert audience["users"] == [
        {"rank": 1, "user": "ann", "score": 0.5},
        {"rank": 2, "user": "bob", "score": 0.25},
    ]
    header = cli.text(*command).splitlines()[1]
    assert header.split(maxsplit=3) == ["user", "attribute", "owner", kind]


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
    damage(acme / "runs" / "simulated" / name)
    for command in (AUDIENCE, ["query", "predict", *ASKED], ["attributes", "list"]):
        said = cli.fails(4, *command, "--folder", acme)
        assert name in said or "has finished no run yet" in said
    assert "no run yet" not in said or name == "run.json"


def test_vectors_of_another_dimension_are_named(cli: Cli, acme: Path) -> None:
    """A peer's vectors that do not fit this party's model."""
    keep_peer(RunFolder(acme / "runs" / "simulated"), "bolt", {"country-France": 1.0})
    said = cli.fails(4, *AUDIENCE, "--folder", acme)
    assert "bolt's vectors" in said
    assert "have 1 numbers, the model takes 8" in said


def test_other_folders_are_no_partys(cli: Cli, tmp_path: Path) -> None:
    """An empty one, and one that does not exist."""
    for folder in (tmp_path, tmp_path / "nothing"):
        assert f"{folder} is not a party's folder" in cli.fails(4, *AUDIENCE, "--folder", folder)
