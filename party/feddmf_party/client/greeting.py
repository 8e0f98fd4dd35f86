"""Hello from the party's side: which versions it speaks, and what it takes for an answer."""

from __future__ import annotations

from importlib.metadata import version

from feddmf.wire import federation_pb2 as pb
from feddmf.wire.version import NEWEST, OLDEST, held_to
from feddmf_party.client.answers import OtherFederation
from feddmf_party.identity import PartyIdentity

__all__ = ["check_greeting", "hello_request"]


def hello_request() -> pb.HelloRequest:
    """Return the message with the versions that this party speaks."""
    return pb.HelloRequest(protocol_version=OLDEST, newest_version=NEWEST, software=version("feddmf"))


def check_greeting(reply: pb.HelloReply, identity: PartyIdentity, address: str) -> int:
    """Return the version that both ends speak from now on.

    Raises OtherFederation where what answers at `address` serves another one, RunFailed where there is no
    such version.
    """
    if reply.federation != identity.federation:
        raise OtherFederation(
            f"{address} serves federation {reply.federation[:100]}, not {identity.federation}",
            hint="enrol with an invitation of the right federation",
        )
    return held_to(reply.protocol_version)
