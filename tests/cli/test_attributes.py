"""`feddmf attributes`: what a party offers, and what was published, seen from both sides."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from feddmf_coordinator.store.offers import replace_offer
from feddmf_coordinator.store.publications import Publication, add_publication
from feddmf_coordinator.store.withdrawals import add_withdrawal
from feddmf_party.offer import read_offer
from support.authority import EnrolledFederation
from support.cli import Cli, listing
from support.federation import quick_run, submit
from support.shops import COUNTRIES


@pytest.fixture
def home(federation: EnrolledFederation) -> Path:
    """Return the folder of a party that has accepted a catalogue with 6 items of its own."""
    return federation.parties["acme"]


def test_items_are_offered_by_key(cli: Cli, home: Path) -> None:
    """The offer file holds exactly these, once each."""
    data = cli.data("attributes", "offer", "acme-001", "acme-000", "acme-001", "--folder", home)
    assert data == {"offered": ["acme-000", "acme-001"], "file": f"{home}/offer.toml"}
    assert read_offer(home / "offer.toml").items == ("acme-000", "acme-001")
    text = cli.text("attributes", "offer", "acme-002", "--folder", home)
    assert text == f"1 items are offered, by {home}/offer.toml\n"
    assert read_offer(home / "offer.toml").items == ("acme-002",)


def test_items_are_offered_from_a_file(cli: Cli, home: Path, tmp_path: Path) -> None:
    """One key a line, with or without a byte order mark and Windows line ends."""
    keys = tmp_path / "my keys.txt"
    keys.write_bytes(b"\xef\xbb\xbfacme-003\r\n\r\n  acme-004  \r\n")
    data = cli.data("attributes", "offer", "--file", keys, "acme-005", "--folder", home)
    assert data["offered"] == ["acme-003", "acme-004", "acme-005"]


def test_all_exclusive_items_are_offered(cli: Cli, home: Path) -> None:
    """Those that nobody else sells."""
    data = cli.data("attributes", "offer", "--all-exclusive", "--folder", home)
    assert data["offered"] == [f"acme-00{number}" for number in range(6)]


def test_all_that_somebody_may_lack_is_offered(cli: Cli, home: Path) -> None:
    """Of two parties, those that the other does not sell; with all sold by both there is nothing."""
    data = cli.data("attributes", "offer", "--all", "--folder", home)
    assert data["offered"] == [f"acme-00{number}" for number in range(6)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["no item is named", "--all-exclusive or --all"]),
        (["acme-00"], ["item 'acme-00' is not in acme's catalogue version 1", "did you mean 'acme-00"]),
        (["zzzzzz"], ["item 'zzzzzz'", "feddmf catalog show"]),
        (["m000"], ["item 'm000' is also sold by bolt", "remove it"]),
        (["acme-000", "bolt-000"], ["item 'bolt-000' is not in acme's catalogue"]),
        (["\x1b[31m"], ["\\x1b[31m"]),
        (["--file", "nosuch.txt"], ["cannot read the keys nosuch.txt: No such file"]),
        (["--file", "."], ["cannot read the keys .: Is a directory"]),
        (["--file", "FOLDER/bytes"], ["bytes is not UTF-8 text"]),
        (["--file", "FOLDER/wrong"], ["wrong: item 'nosuch'"]),
        (["--file", "FOLDER/empty"], ["no item is named"]),
    ],
)
def test_an_offer_that_cannot_be_made_changes_nothing(
    cli: Cli, home: Path, tmp_path: Path, arguments: list[str], words: list[str]
) -> None:
    """The key and where it came from; the offer that stands goes on standing."""
    (tmp_path / "bytes").write_bytes(b"\xff\n")
    (tmp_path / "wrong").write_text("acme-000\nnosuch\n")
    (tmp_path / "empty").write_text("\n \n")
    before = listing(home)
    given = [argument.replace("FOLDER", str(tmp_path)) for argument in arguments]
    said = cli.fails(4, "attributes", "offer", *given, "--folder", home)
    assert all(word in said for word in words), said
    assert listing(home) == before


def test_who_has_not_enrolled_or_accepted_cannot_offer(cli: Cli, home: Path, tmp_path: Path) -> None:
    """Each says what comes first."""
    cli.text("party", "init", "--folder", tmp_path / "new")
    assert "feddmf party enroll" in cli.fails(4, "attributes", "offer", "x", "--folder", tmp_path / "new")
    (home / "catalogue" / "v1.view").unlink()
    assert "feddmf catalog accept" in cli.fails(4, "attributes", "offer", "x", "--folder", home)


def test_a_party_sees_what_peers_published(cli: Cli, acme: Path) -> None:
    """Keys, labels with whatever they hold, and owners; --top and --owner narrow it."""
    data = cli.data("attributes", "list", "--folder", acme, "--top", "1")
    assert data["run"] == "try-out"
    assert len(data["attributes"]) == 6 + len(COUNTRIES)
    assert data["attributes"][0] == {"key": "bolt-00", "label": '"bolts\' café" [bold]', "owner": "bolt"}
    assert cli.text("attributes", "list", "--folder", acme).splitlines()[:3] == [
        "run try-out: 8 attributes",
        "key              label                 owner",
        'bolt-00          "bolts\' café" [bold]  bolt',
    ]
    code, out, err = cli.call("attributes", "list", "--folder", acme, "--top", "2", "--owner", "bolt")
    assert (code, err) == (0, "6 more; show them with --top 8\n")
    assert len(out.splitlines()) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--owner", "carol"], ["carol offers nothing here", "who does: bolt"]),
        (["--run", "nosuch-1"], ["no finished run 'nosuch-1'", "feddmf party status"]),
        (["--run", ".."], ["no finished run '..'"]),
        (["--run", ""], ["no finished run ''"]),
        (["--run", "../acme/runs/try-out"], ["no finished run"]),
        (["--top", "0"], ["'--top'"]),
    ],
)
def test_what_is_not_there_is_said(cli: Cli, acme: Path, arguments: list[str], words: list[str]) -> None:
    """An owner who published nothing, a run that is none."""
    said = cli.fails(4, "attributes", "list", *arguments, "--folder", acme)
    assert all(word in said for word in words), said


def test_before_a_run_there_is_nothing_to_list(cli: Cli, home: Path, tmp_path: Path) -> None:
    """A party is told how to get a run, any other folder that it is none."""
    assert "has finished no run yet" in cli.fails(4, "attributes", "list", "--folder", home)
    assert "is not a party's folder" in cli.fails(4, "attributes", "list", "--folder", tmp_path)


def test_the_operator_sees_what_is_offered(cli: Cli, federation: EnrolledFederation) -> None:
    """What nodes announced, before any run; a run is no answer to that."""
    folder = federation.folder.path
    with federation.open_database() as database, database.begin() as connection:
        replace_offer(connection, "bolt", version=1, keys=["bolt-001", "bolt-000"], now=datetime.now(UTC))
    data = cli.data("attributes", "list", "--offers", "--folder", folder)
    assert [each["key"] for each in data["attributes"]] == ["bolt-000", "bolt-001"]
    title, header, *rows = cli.text("attributes", "list", "--offers", "--folder", folder).splitlines()
    assert title == "2 attributes offered for a next run"
    assert header.split() == ["party", "key", "label"]
    assert rows[0].split() == ["bolt", "bolt-000", "BOLT-000"]
    for home in (folder, federation.parties["acme"]):
        said = cli.fails(4, "attributes", "list", "--offers", "--run", "x", "--folder", home)
        assert "--run about a past one" in said


def test_the_operator_sees_what_was_published(cli: Cli, federation: EnrolledFederation) -> None:
    """By run and party; a run that is not there is said."""
    folder = federation.folder.path
    assert cli.data("attributes", "list", "--folder", folder) == {"attributes": []}
    run = submit(federation, quick_run(("acme", "bolt")))
    items = (("acme-000", "ACME [/x]"), ("acme-001", "\x1b[2J"))
    with federation.open_database() as database, database.begin() as connection:
        published = Publication(run, "acme", items, "0" * 64, expires_ms=4_102_444_800_000)
        add_publication(connection, published, now=datetime.now(UTC))
    data = cli.data("attributes", "list", "--folder", folder, "--run", run)
    assert data["attributes"][1] == {
        "run": run,
        "party": "acme",
        "key": "acme-001",
        "label": "\x1b[2J",
        "until": "2100-01-01",
    }
    assert [line.split() for line in cli.text("attributes", "list", "--folder", folder).splitlines()[1:]] == [
        ["run", "party", "key", "label", "until"],
        [run, "acme", "acme-000", "ACME", "[/x]", "2100-01-01"],
        [run, "acme", "acme-001", "\\x1b[2J", "2100-01-01"],
    ]
    said = cli.fails(4, "attributes", "list", "--folder", folder, "--run", "nosuch")
    assert "there is no run 'nosuch'" in said
    code, _, err = cli.call("attributes", "list", "--folder", folder, "--top", "1")
    assert (code, err) == (0, "1 more; show them with --top 2\n")


def test_the_operator_sees_what_was_taken_back(cli: Cli, federation: EnrolledFederation) -> None:
    """By whom, when and why; of a next run there is nothing to take back."""
    folder, run = federation.folder.path, submit(federation, quick_run(("acme", "bolt")))
    with federation.open_database() as database, database.begin() as connection:
        for keys, now in (
            (("acme-000",), datetime(2026, 11, 21, tzinfo=UTC)),
            ((), datetime(2026, 11, 22, tzinfo=UTC)),
        ):
            add_withdrawal(connection, run, "acme", keys, reason="sold", before_sha256="0" * 64, now=now)
    data = cli.data("attributes", "list", "--withdrawn", "--folder", folder, "--run", run)
    assert [(each["key"], each["on"], each["reason"]) for each in data["attributes"]] == [
        ("acme-000", "2026-11-21", "sold"),
        ("(everything)", "2026-11-22", "sold"),
    ]
    assert cli.text("attributes", "list", "--withdrawn", "--folder", folder).startswith(
        "2 attributes taken back"
    )
    said = cli.fails(4, "attributes", "list", "--withdrawn", "--offers", "--folder", folder)
    assert "--withdrawn about past ones" in said
