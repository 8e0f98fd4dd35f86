"""The invitation file: what the operator hands to a company so that it can enrol once."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Annotated

from cryptography import x509
from pydantic import AwareDatetime, Field, StringConstraints

from feddmf.config import Settings, load_toml
from feddmf.files import write_text
from feddmf.identity import FEDERATION_PATTERN, PARTY_PATTERN, decode_certificate

__all__ = ["ADDRESS_PATTERN", "Invitation", "load_invitation", "write_invitation"]

ADDRESS_PATTERN = r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):[0-9]{1,5}$"
"""A host, or an IPv6 address in brackets, and a port."""
_Address = Annotated[str, StringConstraints(pattern=ADDRESS_PATTERN)]


class Invitation(Settings):
    """A whole invitation file; it holds a secret, the token, so it travels like a password."""

    federation: Annotated[str, StringConstraints(pattern=FEDERATION_PATTERN)] = Field(
        description="Name of the federation."
    )
    party: Annotated[str, StringConstraints(pattern=PARTY_PATTERN)] = Field(
        description="Id that the company gets."
    )
    enrolment_address: _Address = Field(description="host:port that gives out the certificate.")
    federation_address: _Address = Field(description="host:port of every later call.")
    expires: AwareDatetime = Field(description="Until when the token holds.")
    token: str = Field(repr=False, description="One-time token; good for one key.")
    root_certificate: str = Field(
        repr=False, description="The federation's root, PEM; check its fingerprint by another way."
    )

    def root(self) -> x509.Certificate:
        """Return the root certificate; InputError where it cannot be read."""
        return decode_certificate(self.root_certificate.encode(), what="root_certificate of the invitation")


def load_invitation(path: Path) -> Invitation:
    """Read an invitation file; ConfigError names file and key."""
    return load_toml(path, Invitation, what="the invitation")


def write_invitation(path: Path, invitation: Invitation) -> None:
    """Write `invitation` to `path`, readable by its owner alone; LocalResourceError where it cannot be."""
    expires = invitation.expires.astimezone(UTC).isoformat(timespec="seconds")
    text = f"""\
# Invitation of {invitation.party} to the federation {invitation.federation}.
# It holds a one-time secret: send it as you would send a password.
# The company runs: feddmf party enroll --invite THIS_FILE --fingerprint ROOT_FINGERPRINT
# and gets the fingerprint of the root from the operator by another way, such as the telephone.
federation = "{invitation.federation}"
party = "{invitation.party}"
enrolment_address = "{invitation.enrolment_address}"
federation_address = "{invitation.federation_address}"
expires = {expires}
token = "{invitation.token}"
root_certificate = '''
{invitation.root_certificate.strip()}
'''
"""
    write_text(path, text, mode=0o600)
