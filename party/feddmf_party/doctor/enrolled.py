"""Whether a party is enrolled: its identity, its certificate's dates, or what its invitation is worth."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from feddmf.checkup import Checkup
from feddmf.cli.tables import utc
from feddmf.errors import InputError, Refused
from feddmf.identity import certificate_fingerprint
from feddmf.invitation import load_invitation
from feddmf_party.client.probing import reach, shake_hands
from feddmf_party.identity import IdentityFiles, PartyIdentity, diagnose, load_identity

__all__ = ["check_address", "check_identity", "check_invitation"]

# Renewals come by themselves when a third of the life is left: later than this, nobody signs them.
_SHARE_LEFT_TO_NOTE = 0.25


def check_identity(checkup: Checkup, folder: Path) -> PartyIdentity | None:
    """Return the identity in `folder`; None where it cannot be used."""
    problems = diagnose(folder)
    dated = [problem for problem in problems if isinstance(problem, Refused)]
    for problem in problems:
        checkup.problem("certificate" if problem in dated else "identity", problem)
    if problems:
        return None
    identity = load_identity(folder)
    checkup.ok("identity", f"party {identity.party} of federation {identity.federation}")
    now, start, end = datetime.now(UTC), identity.valid_from, identity.valid_until
    if end - now > (end - start) * _SHARE_LEFT_TO_NOTE:
        checkup.ok("certificate", f"valid until {utc(end)}")
    else:
        checkup.note(
            "certificate",
            f"ends on {utc(end)}, and should have been renewed by now",
            hint="keep the node running, which renews it; the operator signs renewals with: "
            "feddmf coordinator renewals",
        )
    return identity


def check_address(checkup: Checkup, folder: Path) -> None:
    """Go as far to the coordinator as one gets without an identity that can be used."""
    until = "this party has no identity that can be used"
    try:
        address = IdentityFiles(folder).load_federation().federation_address
    except InputError:
        checkup.skip("address", until=until)
    else:
        checkup.look("address", lambda: reach(address), lambda at: f"{address} is reached at {at}")
    checkup.skip("handshake", "coordinator", until=until)


def check_invitation(checkup: Checkup, folder: Path, named: Path | None) -> bool:
    """Look at the invitation `named`, or at those in `folder`, and try their address; False without any."""
    if named is None and IdentityFiles(folder).certificate.exists():
        return False
    found = [named] if named is not None else sorted(folder.glob("*.invite.toml"))
    for file in found:
        _check_one(checkup, file)
    return bool(found)


def _check_one(checkup: Checkup, file: Path) -> None:
    invitation = checkup.look("invitation", lambda: load_invitation(file))
    if invitation is None:
        return
    root = checkup.look("invitation", invitation.root)
    if root is None:
        return
    if invitation.expires <= datetime.now(UTC):
        clock = f"this machine's clock says {utc(datetime.now(UTC))}"
        checkup.problem(
            "invitation",
            InputError(
                f"{file} held until {utc(invitation.expires)}; {clock}",
                hint="ask the operator for a new one: feddmf coordinator invite " + invitation.party,
            ),
        )
        return
    checkup.ok(
        "invitation",
        f"{file} lets {invitation.party} into {invitation.federation} until {utc(invitation.expires)}; "
        f"its root is {certificate_fingerprint(root)}",
    )
    address = invitation.enrolment_address
    if checkup.look("address", lambda: reach(address), lambda at: f"{address} is reached at {at}"):
        checkup.look(
            "handshake",
            lambda: shake_hands(address, invitation.root_certificate.encode()),
            lambda _: (
                "the enrolment port has a certificate from the invitation's root; now enrol: "
                f"feddmf party enroll --invite {file} --fingerprint AB:CD:..."
            ),
        )
    else:
        checkup.skip("handshake", until=f"{address} is not reached")
