"""One finished run through the API: what it rests on, and how its rounds went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from feddmf_party.ledger_file import LedgerFile
from feddmf_party.provenance import provenance_of
from feddmf_party.run_folder import RunFolder
from feddmf_party.tokens import Role

if TYPE_CHECKING:
    from conftest import Api

RELEASE = {"event": "release", "run": "r-1", "phase": "publish", "round": 0, "bytes": 8, "sha256": "ab"}


def test_a_run_is_told_with_its_rounds_and_records(api: Api) -> None:
    """To every role; a record that comes later is seen at once."""
    kept = RunFolder(api.home.runs / "r-1")
    told = {"phase": "align", "number": 1, "figures": {"loss": 0.5, "cosine": 0.25}}
    kept.add_round({**told, "bytes_sent": 3})
    assert api.get("/v1/runs/r-1")["published"] is None
    ledger = LedgerFile(api.home.ledger)
    ledger.append({**RELEASE, "arrays": []})
    expected = provenance_of(kept, ledger.records()).as_dict()
    for role in Role:
        found = api.get("/v1/runs/r-1", role)
        assert (found.pop("rounds"), found.pop("rounds_in_all")) == ([told], 1)
        assert found.pop("ledger_problem") == ""
        assert found == {**expected, "peers": list(expected["peers"])}
    assert expected["published"]["sha256"] == "ab"


def test_a_run_that_is_not_there_and_a_ledger_that_is_broken(api: Api) -> None:
    """The one is no answer, the other a part of it."""
    for name in ("none", "%2E%2E", "plain%2F..%2Fr-1"):
        api.fails(404, "GET", f"/v1/runs/{name}")
    api.home.ledger.write_text("nonsense\n")
    found = api.get("/v1/runs/r-1")
    assert str(api.home.ledger) in found["ledger_problem"]
    assert found["joined"] is None
