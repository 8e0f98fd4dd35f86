"""`feddmf catalog`: publish at the coordinator, look at both sides; every mistake in the operator's CSV."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from support.authority import EnrolledFederation
from support.cli import Cli, listing
from support.federation import catalogue_csv
from support.runs import small_run

HEADER = "key,label,local_id:acme,local_id:bolt\n"


def catalogues(cli: Cli, folder: Path) -> int:
    """Return the number of the latest version."""
    return int(cli.data("coordinator", "status", "--folder", folder)["catalogue_version"])


def test_a_catalogue_is_published_as_the_next_version(
    cli: Cli, federation: EnrolledFederation, tmp_path: Path
) -> None:
    """Who sells how much of it, and its digest, as text and as JSON."""
    folder, file = federation.folder.path, tmp_path / "my catalogue.csv"
    file.write_text(HEADER + "a,A,1,x\nb,B,2,\n")
    assert cli.data("catalog", "publish", file, "--folder", folder) == {
        **cli.data("catalog", "show", "--folder", folder),
        "version": 2,
        "items": 2,
        "parties": [
            {"party": "acme", "items": 2, "accepted": False},
            {"party": "bolt", "items": 1, "accepted": False},
        ],
    }
    file.write_text(HEADER + "a,A,1,x\nb,B,2,\nc,C,,y\n")
    title, *rows = cli.text("catalog", "publish", file, "--folder", folder).splitlines()
    assert title.startswith("catalogue version 3: 3 items, digest ")
    assert rows == ["party  items  accepted", "acme       2  not yet", "bolt       2  not yet"]


def test_a_version_is_shown_with_who_accepted_it(cli: Cli, made_federation: EnrolledFederation) -> None:
    """At the coordinator: the whole; the digest is the one that the parties hold."""
    folder = made_federation.folder.path
    data = cli.data("catalog", "show", "--folder", folder, "--version", "1")
    assert all(each["accepted"] for each in data["parties"])
    for home in made_federation.parties.values():
        assert cli.data("catalog", "show", "--folder", home)["digest"] == data["digest"]
    title, *rows = cli.text("catalog", "show", "--folder", folder).splitlines()
    assert title == f"catalogue version 1: 28 items, digest {data['digest']}"
    assert rows == ["party  items  accepted", "acme      22  yes", "bolt      22  yes"]


def test_a_party_sees_its_own_items(cli: Cli, made_federation: EnrolledFederation) -> None:
    """Its own names for them, and who else sells each; --top says how many are left out."""
    home = made_federation.parties["acme"]
    data = cli.data("catalog", "show", "--folder", home, "--top", "3")
    assert len(data["view"]) == data["items"] == 22
    assert data["view"][0] == {
        "key": "acme-000",
        "label": "ACME-000",
        "local_id": "acme:acme-000",
        "peers": [],
    }
    code, out, err = cli.call("catalog", "show", "--folder", home, "--top", "7")
    assert code == 0
    assert err == "15 more items; show them with --top 22\n"
    lines = out.splitlines()
    assert lines[0] == f"catalogue version 1: 22 items, digest {data['digest']}"
    assert lines[1].split() == ["key", "label", "local", "id", "also", "sold", "by"]
    assert lines[2].split() == ["acme-000", "ACME-000", "acme:acme-000", "-"]
    assert lines[8].split() == ["m000", "M000", "acme:m000", "bolt"]
    assert len(lines) == 9


def test_coverage_is_told_to_both_sides(cli: Cli, made_federation: EnrolledFederation) -> None:
    """The operator sees each pair, a party its own."""
    folder, home = made_federation.folder.path, made_federation.parties["acme"]
    assert cli.data("catalog", "coverage", "--folder", folder) == {
        "version": 1,
        "pairs": [{"left": "acme", "right": "bolt", "shared": 16, "left_items": 22, "right_items": 22}],
    }
    assert cli.text("catalog", "coverage", "--folder", folder).splitlines() == [
        "catalogue version 1",
        "left  right  shared  left_items  right_items",
        "acme  bolt       16          22           22",
    ]
    assert cli.data("catalog", "coverage", "--folder", home) == {
        "version": 1,
        "peers": [{"peer": "bolt", "shared": 16, "own_items": 22}],
    }
    assert cli.text("catalog", "coverage", "--folder", home).splitlines() == [
        "catalogue version 1",
        "peer  shared  of own items",
        "bolt      16            22",
    ]


def test_the_folder_decides_whose_command_it_is(
    cli: Cli, made_federation: EnrolledFederation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By --folder, by --folder=, or by where one stands."""
    folder, home = made_federation.folder.path, made_federation.parties["acme"]
    assert "pairs" in cli.data("catalog", "coverage", f"--folder={folder}")
    assert "peers" in cli.data("catalog", "coverage", f"--folder={home}")
    for path, word in ((folder, "pairs"), (home, "peers")):
        monkeypatch.chdir(path)
        assert word in cli.data("catalog", "coverage")


MISTAKES = {
    "no header": (b"", ["line 1: the columns are missing", "key,label,local_id:PARTY"]),
    "another header": (b"key;label;local_id:acme\n", ["line 1: the columns are key;label;local_id:acme"]),
    "one party": (b"key,label,local_id:acme\na,A,1\n", ["line 1", "two parties or more"]),
    "a column without a party": (b"key,label,local_id:acme,bolt\n", ["column 'bolt' names no party"]),
    "a party with capitals": (b"key,label,local_id:acme,local_id:Bolt\n", ["'local_id:Bolt' names no party"]),
    "a party twice": (b"key,label,local_id:acme,local_id:acme\n", ["line 1: two columns for acme"]),
    "no items": (HEADER.encode(), ["no items"]),
    "a cell too few": (HEADER.encode() + b"a,A,1\n", ["line 2: 3 cells where the header has 4"]),
    "a cell too many": (
        HEADER.encode() + b"a,A,B,1,2\n",
        ["line 2: 5 cells", "quote cells that hold commas"],
    ),
    "an open quote": (
        HEADER.encode() + b'a,"A,1,2\n',
        ["line 2: unexpected end of data", "mend the CSV quoting"],
    ),
    "no key": (HEADER.encode() + b",A,1,2\n", ["line 2: key '' is empty"]),
    "a key twice": (HEADER.encode() + b"a,A,1,2\na,B,3,4\n", ["line 3: key 'a' is there twice"]),
    "a local id twice": (
        HEADER.encode() + b"a,A,1,2\nb,B,1,3\n",
        ["line 3: local id '1' of acme is also on line 2", "one local id belongs to one key"],
    ),
    "an item of nobody": (HEADER.encode() + b"a,A,1,2\nb,B,,\n", ["line 3: no party sells 'b'"]),
    "a huge label": (HEADER.encode() + b"a," + b"A" * 201 + b",1,2\n", ["line 2", "over 200 characters"]),
    "another encoding": (HEADER.encode() + b"a,\xe9,1,2\n", ["is not UTF-8 text", "save it as UTF-8"]),
    "a huge cell": (HEADER.encode() + b"a," + b"A" * 200_000 + b",1,2\n", ["line 2"]),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_catalogue_with_a_mistake_is_not_published(
    cli: Cli, federation: EnrolledFederation, tmp_path: Path, name: str
) -> None:
    """File, line and what is wrong; the version that stands goes on standing."""
    content, words = MISTAKES[name]
    file = tmp_path / "new.csv"
    file.write_bytes(content)
    said = cli.fails(4, "catalog", "publish", file, "--folder", federation.folder.path)
    assert str(file) in said
    assert all(word in said for word in words), said
    assert catalogues(cli, federation.folder.path) == 1


def test_the_same_catalogue_again_is_said(cli: Cli, federation: EnrolledFederation, tmp_path: Path) -> None:
    """Nothing would be new, and all would have to accept it again."""
    file = tmp_path / "again.csv"
    file.write_text("\ufeff" + catalogue_csv(small_run(2)).replace("\n", "\r\n"))
    said = cli.fails(4, "catalog", "publish", file, "--folder", federation.folder.path)
    assert "is what version 1 says already" in said


@pytest.mark.parametrize("name", ["nosuch.csv", "."])
def test_a_file_that_cannot_be_read_is_said(
    cli: Cli, made_federation: EnrolledFederation, tmp_path: Path, name: str
) -> None:
    """Absent, or a folder."""
    said = cli.fails(4, "catalog", "publish", tmp_path / name, "--folder", made_federation.folder.path)
    assert "cannot read the catalogue" in said


def test_a_version_that_is_not_there_is_said(
    cli: Cli, made_federation: EnrolledFederation, tmp_path: Path
) -> None:
    """At the coordinator one that was not published, at a party one that was not accepted."""
    folder, home = made_federation.folder.path, made_federation.parties["acme"]
    for verb in ("show", "coverage"):
        assert "version 7 has not been published" in cli.fails(
            4, "catalog", verb, "--folder", folder, "--version", "7"
        )
        said = cli.fails(4, "catalog", verb, "--folder", home, "--version", "7")
        assert "acme has not accepted catalogue version 7" in said
    cli.text("coordinator", "init", "fed", "--folder", tmp_path / "c")
    assert "a catalogue has not been published" in cli.fails(4, "catalog", "show", "--folder", tmp_path / "c")


def test_publishing_is_the_operators(cli: Cli, made_federation: EnrolledFederation, tmp_path: Path) -> None:
    """In a party's folder it is said whose it should be; in the operator's, so is accepting."""
    home, folder = made_federation.parties["acme"], made_federation.folder.path
    said = cli.fails(4, "catalog", "publish", "x.csv", "--folder", home)
    assert f"{home} is not a coordinator's folder" in said or "cannot read the catalogue" in said
    assert f"{folder} is not a party's folder" in cli.fails(4, "catalog", "accept", "--folder", folder)


def test_a_view_that_was_changed_is_not_believed(cli: Cli, federation: EnrolledFederation) -> None:
    """A view on disk is proven again each time that it is read."""
    home = federation.parties["acme"]
    path = home / "catalogue" / "v1.view"
    path.write_bytes(path.read_bytes().replace(b"M000", b"M999"))
    for command in (["catalog", "show"], ["catalog", "coverage"], ["attributes", "offer", "--all-exclusive"]):
        before = listing(home)
        said = cli.fails(4, *command, "--folder", home)
        assert "v1.view: the catalogue view is not part of digest" in said
        assert listing(home) == before


def test_a_view_of_another_party_is_not_believed(cli: Cli, federation: EnrolledFederation) -> None:
    """Even one that is proven."""
    acme, bolt = federation.parties["acme"], federation.parties["bolt"]
    shutil.copy(bolt / "catalogue" / "v1.view", acme / "catalogue" / "v1.view")
    assert "is for bolt, not for acme" in cli.fails(4, "catalog", "show", "--folder", acme)


def test_a_dry_run_tells_every_mistake_and_publishes_nothing(
    cli: Cli, federation: EnrolledFederation, tmp_path: Path
) -> None:
    """By row, as text and as JSON; the exit code says that it would not be published."""
    folder, file = federation.folder.path, tmp_path / "new.csv"
    file.write_text(HEADER + "a,A,1,x\na,B,2,y\nb,B,1\n")
    code, out, err = cli.call("catalog", "publish", file, "--folder", folder, "--dry-run")
    assert (code, err) == (4, "it cannot be published as it is\n")
    assert [line.split()[1] for line in out.splitlines()] == ["line", "3", "4"]
    code, out, _ = cli.call("catalog", "publish", file, "--folder", folder, "--dry-run", "--format", "json")
    found = json.loads(out)["data"]
    assert (code, found["can_be_published"], found["version"]) == (4, False, None)
    assert [each["line"] for each in found["mistakes"]] == [3, 4]
    said = cli.fails(4, "catalog", "publish", file, "--folder", folder)
    assert "line 3: key 'a' is there twice" in said
    assert "1 more mistake: see all with --dry-run" in said
    assert catalogues(cli, folder) == 1


def test_a_dry_run_tells_what_would_change(cli: Cli, federation: EnrolledFederation, tmp_path: Path) -> None:
    """What publishing then does, with the same digest; afterwards it is the drift between the versions."""
    folder, file = federation.folder.path, tmp_path / "new.csv"
    file.write_text(HEADER + "m000,M000,acme:m000,\nm001,M001,acme:m001,bolt:m001\n")
    found = cli.data("catalog", "publish", file, "--folder", folder, "--dry-run")
    assert (found["version"], found["items"], found["can_be_published"]) == (2, 2, True)
    assert "m000" in found["changes"]["unmatched"]
    assert found["pairs"] == [
        {"left": "acme", "right": "bolt", "shared": 1, "left_items": 2, "right_items": 1}
    ]
    code, out, err = cli.call("catalog", "publish", file, "--folder", folder, "--dry-run")
    assert code == 0
    assert out.startswith("catalogue version 1 to 2: 28 items to 2, 0 added, 26 removed, 0 relabelled\n")
    assert "no longer sold by two parties: m000, m002" in err
    assert "nothing is published yet" in err
    assert catalogues(cli, folder) == 1
    assert cli.data("catalog", "publish", file, "--folder", folder)["digest"] == found["digest"]
    assert cli.data("catalog", "drift", "--folder", folder) == found["changes"]
    assert cli.text("catalog", "drift", "--folder", folder) == out
    versions = cli.data("catalog", "versions", "--folder", folder)["versions"]
    assert [(each["version"], sorted(each["accepted"])) for each in versions] == [
        (1, ["acme", "bolt"]),
        (2, []),
    ]
    assert versions[1]["digest"] == found["digest"]


def test_one_version_alone_has_not_changed(cli: Cli, made_federation: EnrolledFederation) -> None:
    """There is nothing to hold it against."""
    said = cli.fails(4, "catalog", "drift", "--folder", made_federation.folder.path)
    assert "there is one catalogue version only" in said
