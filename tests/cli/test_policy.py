"""`feddmf party policy check`: what a party's policy says of a run, beforehand."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.authority import EnrolledFederation
from support.cli import Cli, listing

RUN = """\
name = "Spring"
purpose = "campaign spring"
parties = ["acme", "bolt"]
recipe = "embedding"

[alignment]
syncs_per_epoch = 1
"""


@pytest.fixture
def home(federation: EnrolledFederation) -> Path:
    """Return the folder of a party that has accepted a catalogue and offers six items."""
    return federation.parties["acme"]


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    """Return a run file as the operator would send it."""
    path = tmp_path / "spring.toml"
    path.write_text(RUN)
    return path


def test_a_run_that_is_allowed_is_shown_with_all_that_it_asks_for(
    cli: Cli, home: Path, run_file: Path
) -> None:
    """From the run file and this party's own files alone; nothing is written."""
    before = listing(home)
    data = cli.data("party", "policy", "check", run_file, "--folder", home)
    assert (data["run"], data["purpose"], data["allowed"]) == ("spring", "campaign spring", True)
    assert data["objections"] == []
    assert (data["asks"]["items"], data["asks"]["offered"]) == (22, 6)
    assert data["asks"]["kinds"] == ["item_vectors", "loss_scalar", "attribute_vector"]
    text = cli.text("party", "policy", "check", run_file, "--folder", home)
    assert "campaign spring" in text
    assert listing(home) == before


def test_a_run_that_would_be_declined_names_every_line_that_would_change_that(
    cli: Cli, home: Path, run_file: Path
) -> None:
    """As the node would, with the words that the operator would read; copied, the lines allow it."""
    policy = home / "policy.toml"
    policy.write_text('purposes = ["autumn *"]\nitems = ["m*"]\nprotocols = ["fcf"]\n')
    code, out, err = cli.call("party", "policy", "check", run_file, "--folder", home)
    assert code != 0
    assert "campaign spring" in out
    for words in ("is for 'campaign spring'", "tells of item 'acme-000' and 5 more", "uses protocol feddmf"):
        assert words in err
    policy.write_text('purposes = ["campaign *"]\nitems = ["m*", "acme-*"]\n')
    assert cli.data("party", "policy", "check", run_file, "--folder", home)["allowed"]


def test_a_run_without_this_party_is_none_of_its_business(cli: Cli, home: Path, run_file: Path) -> None:
    """It is said who takes part; a file that is not there is an error, too."""
    run_file.write_text(RUN.replace('"acme"', '"cargo"'))
    code, _, err = cli.call("party", "policy", "check", run_file, "--folder", home)
    assert code != 0
    assert "is a run of cargo, bolt, without acme" in err
    gone = run_file.with_name("gone.toml")
    assert "gone.toml" in cli.fails(4, "party", "policy", "check", gone, "--folder", home)
