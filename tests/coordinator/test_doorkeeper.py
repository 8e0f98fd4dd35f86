from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feddmf_coordinator import enrolling
from feddmf_coordinator.authority import Authority
from feddmf_coordinator.server.credentials import federation_credentials
from feddmf_coordinator.server.identity import Doorkeeper, utc_now
from support.authority import (
    EnrolledFederation,
    enrol,
    made_certificate,
    make_federation,
    open_authority,
)
from support.whoami import Pair, ask, opened, party_pair, serving

REFUSED = "UNAUTHENTICATED refused"


def _call(federation: EnrolledFederation, pair: Pair | None, clock: Callable[[], datetime] = utc_now) -> str:
    async def call() -> str:
        with federation.open_database() as database:
            doorkeeper = Doorkeeper(federation.settings.federation, database, clock)
            async with (
                serving(doorkeeper, federation_credentials(federation.folder)) as port,
                opened(port, federation.folder.root_certificate.read_bytes(), pair) as channel,
            ):
                return await ask(channel)

    return asyncio.run(call())


def test_an_enrolled_party_is_known_by_its_certificate(enrolled: EnrolledFederation) -> None:
    """Each certificate is its party's, through real TLS."""
    assert {party: _call(enrolled, party_pair(enrolled, party)) for party in ("acme", "echo")} == {
        "acme": "acme",
        "echo": "echo",
    }


def test_a_caller_without_a_certificate_is_stopped_by_tls(enrolled: EnrolledFederation) -> None:
    """The federation port answers no stranger, not even with a refusal."""
    assert _call(enrolled, None).startswith("UNAVAILABLE")


def test_a_certificate_of_another_root_is_stopped_by_tls(enrolled: EnrolledFederation) -> None:
    """A root of the same name is not this root."""
    stranger = Authority.make("testfed", days=10, now=datetime.now(UTC))
    assert _call(enrolled, made_certificate(stranger)).startswith("UNAVAILABLE")


def test_an_expired_certificate_is_stopped_by_tls(enrolled: EnrolledFederation) -> None:
    """Its dates are checked in the handshake."""
    start = datetime.now(UTC) - timedelta(days=3)
    expired = made_certificate(open_authority(enrolled.folder), start=start, days=1)
    assert _call(enrolled, expired).startswith("UNAVAILABLE")


def test_a_certificate_in_no_database_is_refused(
    enrolled: EnrolledFederation, caplog: pytest.LogCaptureFixture
) -> None:
    """The root's signature alone admits nobody; the log says why, the wire does not."""
    assert _call(enrolled, made_certificate(open_authority(enrolled.folder))) == REFUSED
    assert "was not issued here" in caplog.text


def test_the_servers_own_certificate_is_refused(
    enrolled: EnrolledFederation,
) -> None:
    """Whoever steals the server's files cannot call as a party."""
    pair = (enrolled.folder.server_key.read_bytes(), enrolled.folder.server_certificate.read_bytes())
    assert _call(enrolled, pair).split()[0] in {"UNAUTHENTICATED", "UNAVAILABLE"}


def test_a_certificate_that_ended_during_the_connection_is_refused(
    enrolled: EnrolledFederation, caplog: pytest.LogCaptureFixture
) -> None:
    """The handshake was fine; the call is later."""
    later = datetime.now(UTC) + timedelta(days=91)
    assert _call(enrolled, party_pair(enrolled, "acme"), lambda: later) == REFUSED
    assert "ended on" in caplog.text


def test_a_certificate_from_the_future_is_refused(
    enrolled: EnrolledFederation, caplog: pytest.LogCaptureFixture
) -> None:
    """A clock that is far behind does not admit anybody."""
    before = datetime.now(UTC) - timedelta(days=1)
    assert _call(enrolled, party_pair(enrolled, "acme"), lambda: before) == REFUSED
    assert "not valid yet" in caplog.text


def test_revocation_ends_an_open_connection(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The call before the revocation is answered, the one after it is refused, on the same channel."""
    federation = make_federation(tmp_path, ("acme", "bolt"))

    async def call() -> list[str]:
        with federation.open_database() as database:
            doorkeeper = Doorkeeper("testfed", database)
            root = federation.folder.root_certificate.read_bytes()
            async with (
                serving(doorkeeper, federation_credentials(federation.folder)) as port,
                opened(port, root, party_pair(federation, "acme")) as acme,
                opened(port, root, party_pair(federation, "bolt")) as bolt,
            ):
                before = await ask(acme)
                assert enrolling.revoke(federation.folder, "acme") == 1
                return [before, await ask(acme), await ask(bolt)]

    assert asyncio.run(call()) == ["acme", REFUSED, "bolt"]
    assert "is revoked" in caplog.text


def test_a_renewed_party_may_use_both_certificates(tmp_path: Path) -> None:
    """The old one holds until it ends, so that a renewal interrupts nothing."""
    federation = make_federation(tmp_path, ("acme",))
    old = party_pair(federation, "acme")
    enrol(federation.folder, "acme", federation.parties["acme"])
    new = party_pair(federation, "acme")
    assert old != new
    assert [_call(federation, old), _call(federation, new)] == ["acme", "acme"]


def test_another_federations_database_admits_nobody(enrolled: EnrolledFederation) -> None:
    """The name in the certificate must be of the federation that is served."""

    async def call() -> str:
        with enrolled.open_database() as database:
            async with (
                serving(Doorkeeper("otherfed", database), federation_credentials(enrolled.folder)) as port,
                opened(
                    port, enrolled.folder.root_certificate.read_bytes(), party_pair(enrolled, "acme")
                ) as channel,
            ):
                return await ask(channel)

    assert asyncio.run(call()) == REFUSED
