"""What is read of a party's folder: its ledger as it grows, what private runs cost, certificate and disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddmf.errors import InputError
from feddmf.telemetry.meters import Look
from feddmf_party.folder import PartyFolder
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.telemetry import metrics
from feddmf_party.telemetry.readings import looks
from support.authority import make_federation

CHARGE = {"event": "charge", "run": "r", "epsilon": 4.0, "delta": 1e-6, "sigma": 1.5, "items": "00"}


@pytest.fixture
def folder(tmp_path: Path) -> PartyFolder:
    """A party that has enrolled."""
    return PartyFolder(make_federation(tmp_path, ("acme",)).parties["acme"])


def read(found: tuple[Look, ...]) -> dict[str, float]:
    """Return what is read, by name."""
    return {reading.metric.name: reading.value for look in found for reading in look()}


def test_everything_that_is_to_be_read_is(folder: PartyFolder) -> None:
    """A party that has spent nothing has all of its budget left."""
    values = read(looks(folder))
    assert set(values) == {each.name for each in metrics.METRICS if each.read}
    assert values[metrics.LEDGER_RECORDS.name] == 0
    assert (values[metrics.SPENT_EPSILON.name], values[metrics.BUDGET_EPSILON.name]) == (0, 10)
    assert values[metrics.DISK_FREE.name] > 0


def test_the_ledger_is_followed_as_it_grows(folder: PartyFolder) -> None:
    """A charge is spent from its record on; what others append shows at the next look."""
    found = looks(folder)
    read(found)
    ledger = LedgerFile(folder.ledger)
    ledger.append({"event": "join", "run": "r"})
    ledger.append(CHARGE)
    values = read(found)
    assert values[metrics.LEDGER_RECORDS.name] == len(ledger)
    assert 0 < values[metrics.SPENT_EPSILON.name] < 10
    assert values[metrics.SPENT_EPSILON.name] + values[metrics.BUDGET_EPSILON.name] == pytest.approx(10)
    assert read(looks(folder)) == pytest.approx(
        {**values, metrics.DISK_FREE.name: pytest.approx(0, abs=1e15)}
    )


def test_a_broken_ledger_hides_its_own_figures_alone(folder: PartyFolder) -> None:
    """The other looks find theirs."""
    LedgerFile(folder.ledger).append({"event": "join", "run": "r"})
    folder.ledger.write_text("no record\n" * 99)
    ledger, *others = looks(folder)
    with pytest.raises(InputError):
        list(ledger())
    assert {metrics.DISK_FREE.name, metrics.CERTIFICATE_END.name} == set(read(tuple(others)))
