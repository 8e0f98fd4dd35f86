"""The parties as the operator sees them: who is there, and what to do for whom."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feddmf.catalogue.uploads import read_upload
from feddmf.errors import InputError
from feddmf.ledger import encode_line
from feddmf_coordinator import enrolling
from feddmf_coordinator.cataloguing import publish_upload
from feddmf_coordinator.members import PartyOverview, Standing, overview_of_parties
from feddmf_coordinator.store.catalogues import accept
from feddmf_coordinator.store.enrolment import revoke
from feddmf_coordinator.store.sightings import GONE_AFTER, Sighting, put_sightings
from feddmf_coordinator.witnessed import LedgerEnd, LedgerEnds
from support.authority import EnrolledFederation, make_federation

CSV = b"key,label,local_id:acme,local_id:bolt\na,A,1,x\n"


@pytest.fixture
def federation(tmp_path: Path) -> EnrolledFederation:
    """Two parties; acme has accepted the catalogue and calls."""
    made = make_federation(tmp_path, ("acme", "bolt"))
    now = datetime.now(UTC)
    with made.open_database() as database, database.begin() as connection:
        catalogue = publish_upload(connection, read_upload([("items.csv", CSV)]), now=now)
        accept(connection, 1, "acme", catalogue.digest(), now=now)
        put_sightings(connection, [Sighting("acme", now, now)])
    return made


def seen(
    federation: EnrolledFederation, *, serving: bool = True, days: float = 0
) -> dict[str, PartyOverview]:
    """Return the overview, `days` from now."""
    now = datetime.now(UTC) + timedelta(days=days)
    ledgers = {"acme": LedgerEnd(7, "ab" * 32, now)}
    with federation.open_database() as database, database.read() as connection:
        found = overview_of_parties(connection, ledgers, serving=serving, now=now)
    return {each.party: each for each in found}


def test_a_party_that_is_well_needs_nothing(federation: EnrolledFederation) -> None:
    """It is there, certified, with the newest catalogue; its ledger's end is known."""
    acme = seen(federation)["acme"]
    assert (acme.standing, acme.online, acme.accepted, acme.needs) == (Standing.ENROLLED, True, 1, ())
    said = json.loads(json.dumps(acme.as_dict()))
    assert (said["ledger_records"], said["catalogue_accepted"], said["software"]) == (7, 1, None)


def test_whoever_is_away_or_behind_is_told_what_to_do(federation: EnrolledFederation) -> None:
    """Each need with its command; where no coordinator serves, nobody can be heard, and nobody is away."""
    bolt = seen(federation)["bolt"]
    assert (bolt.online, bolt.accepted) == (False, 0)
    assert [need.hint for need in bolt.needs] == [
        "ask bolt to run: feddmf catalog accept",
        "ask bolt to run feddmf doctor, and to start its node: feddmf party start",
    ]
    assert all(need.urgent for need in bolt.needs)
    bolt = seen(federation, serving=False)["bolt"]
    assert (bolt.online, len(bolt.needs)) == (None, 1)
    later = seen(federation, days=GONE_AFTER / timedelta(days=1))["acme"]
    assert (later.online, "was last heard from" in later.needs[0].text) == (False, True)


def test_another_version_of_the_software_is_said(federation: EnrolledFederation) -> None:
    """It keeps nobody out."""
    now = datetime.now(UTC)
    with federation.open_database() as database, database.begin() as connection:
        put_sightings(connection, [Sighting("acme", now, now, "0.0.1")])
    (need,) = seen(federation)["acme"].needs
    assert (need.text.startswith("acme runs feddmf 0.0.1, this coordinator "), need.urgent) == (True, False)


def test_certificates_that_end_or_have_ended_are_said(federation: EnrolledFederation) -> None:
    """Before: who renews them; after: how the party gets in again."""
    soon, ended = (seen(federation, serving=False, days=days)["acme"] for days in (80, 91))
    assert (soon.standing, soon.needs[0].urgent) == (Standing.ENROLLED, False)
    assert ended.standing is Standing.ENDED
    assert ended.certificate_until == soon.certificate_until
    (need,) = ended.needs
    assert need.text.endswith("it is let in no more")
    assert need.hint == "invite it again: feddmf coordinator invite acme"


def test_who_is_on_the_way_in_or_out_is_said(federation: EnrolledFederation) -> None:
    """Invited, and revoked."""
    enrolling.invite(federation.folder, "cone")
    with federation.open_database() as database, database.begin() as connection:
        revoke(connection, "bolt", now=datetime.now(UTC))
    found = seen(federation)
    assert (found["cone"].standing, found["bolt"].standing) == (Standing.INVITED, Standing.REVOKED)
    assert "send it its invitation file" in found["cone"].needs[0].hint


def receipt(length: int, head: str, at_ms: int) -> bytes:
    """Return the line of a receipt of acme."""
    return encode_line({"event": "receipt", "party": "acme", "length": length, "head": head, "at_ms": at_ms})


def test_the_ends_of_ledgers_are_read_as_they_come(tmp_path: Path) -> None:
    """Only what is new is read, and half a line is left for the next time."""
    path = tmp_path / "ledger.jsonl"
    ends = LedgerEnds(path)
    assert ends.look() == {}
    path.write_bytes(receipt(3, "aa", 1_000) + receipt(5, "bb", 2_000)[:20])
    assert ends.look() == {"acme": LedgerEnd(3, "aa", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))}
    path.write_bytes(receipt(3, "aa", 1_000) + receipt(5, "bb", 2_000) + receipt(4, "cc", 3_000))
    assert ends.look()["acme"].head == "bb"
    with path.open("ab") as file:
        file.write(encode_line({"event": "reset", "party": "acme"}))
    assert ends.look() == {}
    path.write_bytes(receipt(1, "dd", 4_000))
    assert ends.look()["acme"].length == 1
    path.write_bytes(receipt(2, "ee", 5_000) + receipt(1, "ff", 6_000))
    assert ends.look()["acme"].head == "ee"
    with path.open("ab") as file:
        file.write(b"garbage\n")
    with pytest.raises(InputError, match="holds a line that is no record"):
        ends.look()
    path.write_bytes(encode_line({"event": "receipt", "party": "acme", "length": "many"}))
    with pytest.raises(InputError, match="holds a line that is no record"):
        ends.look()
