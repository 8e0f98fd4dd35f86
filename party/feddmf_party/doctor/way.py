"""The way to the coordinator: address, handshake, who answers, and both ends' versions and clocks."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from feddmf.checkup import Checkup
from feddmf.cli.tables import utc
from feddmf.errors import InputError, LocalResourceError
from feddmf_party.client.probing import Greeting, greet, reach, shake_hands
from feddmf_party.countersignatures import Countersignatures
from feddmf_party.folder import PartyFolder
from feddmf_party.identity import PartyIdentity

__all__ = ["check_way"]

# Certificates hold from five minutes before they were made, so that clocks may differ by as much.
_FAR = timedelta(minutes=5)
_NEAR = timedelta(seconds=30)


def check_way(checkup: Checkup, where: PartyFolder, identity: PartyIdentity) -> Greeting | None:
    """Go the way to the coordinator step by step; return what it says, None where it is not reached."""
    _check_history(checkup, where)
    first, *others = _addresses(where, identity)
    greeting = _go_to(checkup, where, identity, first)
    for address in others:
        found = _go_to(checkup, where, identity, address)
        greeting = greeting or found
    if greeting is not None and greeting.clock is not None:
        _check_clocks(checkup, *greeting.clock)
    return greeting


def _addresses(where: PartyFolder, identity: PartyIdentity) -> tuple[str, ...]:
    try:
        more = where.settings().coordinator.addresses
    except InputError:
        more = ()
    return tuple(dict.fromkeys((identity.federation_address, *more)))


def _go_to(checkup: Checkup, where: PartyFolder, identity: PartyIdentity, address: str) -> Greeting | None:
    if not checkup.look("address", lambda: reach(address), lambda at: f"{address} is reached at {at}"):
        checkup.skip("handshake", "coordinator", until=f"{address} is not reached")
        return None
    shown = checkup.look(
        "handshake",
        lambda: shake_hands(address, identity.root_pem, where.path),
        lambda certificate: (
            "TLS 1.3; the coordinator's certificate is of this party's root, valid until "
            f"{utc(certificate.not_valid_after_utc)}"
        ),
    )
    if shown is None:
        checkup.skip("coordinator", until="the handshake fails")
        return None
    return checkup.look("coordinator", lambda: asyncio.run(greet(where.path, identity, address)), _greeted)


def _greeted(greeting: Greeting) -> str:
    waits = f"; run {greeting.waiting_run} waits for this party" if greeting.waiting_run else ""
    return (
        f"federation {greeting.federation} runs feddmf {greeting.software} and accepts this party, wire "
        f"version {greeting.protocol_version}{waits}"
    )


def _check_clocks(checkup: Checkup, theirs: datetime, ours: datetime) -> None:
    apart = ours - theirs
    ahead = "ahead of" if apart > timedelta() else "behind"
    text = f"this machine's clock is {_shown(abs(apart))} {ahead} the coordinator's"
    if abs(apart) >= _FAR:
        checkup.problem("clock", _wrong_clock(f"{text}, which says {utc(theirs)}"))
    elif abs(apart) >= _NEAR:
        checkup.note("clock", text, hint="let this machine keep its time by NTP")
    else:
        checkup.ok("clock", f"within {_shown(max(abs(apart), timedelta(seconds=1)))} of the coordinator's")


def _check_history(checkup: Checkup, where: PartyFolder) -> None:
    """Find a clock that was set back: the coordinator has signed for a later time than it shows."""
    last = checkup.look("countersignatures", lambda: Countersignatures(where.path).last_at)
    if last is not None and last - datetime.now(UTC) > _FAR:
        now = utc(datetime.now(UTC))
        text = f"this machine's clock says {now}, and the coordinator has signed at {utc(last)}"
        checkup.problem("clock", _wrong_clock(text))


def _wrong_clock(text: str) -> LocalResourceError:
    return LocalResourceError(
        text, hint="set this machine's clock right, and let it keep its time by NTP; else ask the operator"
    )


def _shown(apart: timedelta) -> str:
    seconds = apart.total_seconds()
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"  # noqa: PLR2004  (two minutes)
