"""Where the federation's people stand: the operator at the shell, the parties, and what these accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from feddmf.checkup import Checkup
from feddmf.cli.tables import utc
from feddmf.errors import LocalResourceError
from feddmf_coordinator.members import needs_of_record
from feddmf_coordinator.operating import identify
from feddmf_coordinator.settings import CoordinatorFolder
from feddmf_coordinator.store.catalogues import accepted_digests, latest_version
from feddmf_coordinator.store.certificates import last_certificates
from feddmf_coordinator.store.enrolment import list_parties
from feddmf_coordinator.store.operators import read_log
from feddmf_coordinator.store.renewals import last_renewals

__all__ = ["check_catalogue", "check_operator", "check_parties"]

_FAR = timedelta(minutes=5)


def check_operator(checkup: Checkup, where: CoordinatorFolder, connection: Connection) -> None:
    """Tell who is at the shell, and whether the clock is behind what was done here before."""
    checkup.look("operator", lambda: identify(connection, where), lambda name: f"you are {name}")
    now, last = datetime.now(UTC), read_log(connection)[-1:]
    at = datetime.fromisoformat(str(last[0]["at"])) if last else now
    if at - now > _FAR:
        text = f"this machine's clock says {utc(now)}, and the log has something of {utc(at)}"
        hint = "set this machine's clock right: certificates and invitations go by it"
        checkup.problem("clock", LocalResourceError(text, hint=hint))
    else:
        checkup.ok("clock", f"it is {utc(now)}, and nothing was done here later than that")


def check_parties(checkup: Checkup, connection: Connection) -> None:
    """Tell which parties need something of the operator."""
    now = datetime.now(UTC)
    parties = list_parties(connection, now=now)
    if not parties:
        checkup.note("parties", "there is none yet", hint="invite one: feddmf coordinator invite PARTY")
        return
    well, last = [], last_certificates(connection)
    for each in parties:
        need = needs_of_record(each, now, last.get(each.party))
        if need is None:
            well.append(each.party)
        else:
            checkup.note("parties", need.text, hint=need.hint)
    asking = sorted(party for party, last in last_renewals(connection).items() if last.status == "waiting")
    if asking:
        checkup.note(
            "parties",
            f"the next certificate of {', '.join(asking)} waits to be signed",
            hint="sign it: feddmf coordinator renewals --once; as a service, it signs by itself",
        )
    if well:
        checkup.ok("parties", f"{', '.join(well)} can call")


def check_catalogue(checkup: Checkup, connection: Connection) -> None:
    """Tell who has not accepted the catalogue that runs would pin."""
    version = latest_version(connection)
    if not version:
        checkup.note(
            "catalogue", "none is published yet", hint="publish one: feddmf catalog publish FILE.csv"
        )
        return
    accepted = accepted_digests(connection, version)
    known = list_parties(connection, now=datetime.now(UTC))
    waiting = [each.party for each in known if each.certificate_until and each.party not in accepted]
    if waiting:
        checkup.note(
            "catalogue",
            f"{', '.join(waiting)} did not accept version {version}, and so cannot be in a run",
            hint="ask them to run: feddmf catalog accept",
        )
    else:
        checkup.ok("catalogue", f"version {version}, accepted by all who are enrolled")
