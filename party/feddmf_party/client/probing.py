"""The way to the coordinator, step by step: name, port, handshake, greeting; each says what stops it.

No step sends anything of the party but its certificate and the versions that it speaks.
"""

from __future__ import annotations

import socket
import ssl
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from feddmf.errors import ConnectError, InputError, Refused, TimedOut
from feddmf.wire import federation_pb2 as pb
from feddmf_party.client.answers import Away, explained
from feddmf_party.client.greeting import check_greeting, hello_request
from feddmf_party.client.line import Line
from feddmf_party.identity import IdentityFiles, PartyIdentity, explain_refusal

__all__ = ["Greeting", "greet", "reach", "shake_hands"]

_PATIENCE_S = 5.0
# RFC 5280's reasons, as OpenSSL numbers them.
_NOT_YET, _ENDED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64


@dataclass(frozen=True)
class Greeting:
    """What the coordinator says of itself.

    clock: its time and ours at that moment, None where it tells none; catalogue_version: 0 where none was
    published; waiting_run: a run that waits for this party, or "".
    """

    federation: str
    software: str
    protocol_version: int
    clock: tuple[datetime, datetime] | None
    catalogue_version: int
    waiting_run: str


def reach(address: str) -> str:
    """Return the number that `address`, host:port, was reached at; ConnectError says which step fails."""
    host, port = _split(address)
    try:
        socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConnectError(
            f"this machine knows no address for {host} ({error.strerror})",
            hint=f"ask the operator how {host} is spelt, or for a name that your network knows; "
            "the address is in identity/federation.toml",
        ) from error
    with _connected(address) as connection:
        return str(connection.getpeername()[0])


def shake_hands(address: str, root_pem: bytes, folder: Path | None = None) -> x509.Certificate:
    """Return the certificate that `address` shows: of this root, in its dates, for this name; TLS 1.3.

    folder: whose identity is shown in turn; None for the enrolment port, which asks for none. Raises
    ConnectError or Refused, which says which end does not accept the other.
    """
    host, _ = _split(address)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    tls.set_alpn_protocols(["h2"])
    tls.load_verify_locations(cadata=root_pem.decode())
    if folder is not None:
        files = IdentityFiles(folder)
        tls.load_cert_chain(files.certificate, files.key)
    with _connected(address) as plain:
        try:
            with tls.wrap_socket(plain, server_hostname=host) as connection:
                shown = x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
                # Under TLS 1.3 a caller hears in its first read whether it was let in.
                connection.recv(1)
                return shown
        except ssl.SSLCertVerificationError as error:
            raise _not_accepted(address, error) from error
        except ssl.SSLError as error:
            if folder is not None and "ALERT" in (error.reason or ""):
                raise explain_refusal(folder, address) from error
            raise _no_tls(address) from error
        except TimeoutError as error:
            raise ConnectError(
                f"{address} takes connections and says nothing",
                hint="something between here and the coordinator holds the connection, or another program "
                "listens there: ask the operator",
            ) from error
        except OSError as error:
            raise _no_tls(address) from error


async def greet(folder: Path, identity: PartyIdentity, address: str) -> Greeting:
    """Greet the coordinator at `address` and ask what it has for this party.

    Raises Refused with what the party's own files say of it, RunFailed where the versions do not match,
    ConnectError otherwise.
    """
    try:
        async with Line(identity, (), address) as line, explained(folder, address):
            began = time.time()
            hello = await line.stub.Hello(hello_request(), timeout=_PATIENCE_S)
            ours = (began + time.time()) / 2
            beat = await line.stub.Beat(pb.BeatRequest(), timeout=_PATIENCE_S)
    except Away as away:
        raise TimedOut(
            f"the coordinator at {address} takes connections and does not answer ({away})",
            hint="ask the operator, whose log says more",
        ) from away
    agreed = check_greeting(hello, identity, address)
    theirs, now = (datetime.fromtimestamp(moment, UTC) for moment in (hello.time_ms / 1_000, ours))
    return Greeting(
        federation=str(hello.federation),
        software=str(hello.software),
        protocol_version=agreed,
        clock=(theirs, now) if hello.time_ms else None,
        catalogue_version=int(beat.catalogue_version),
        waiting_run=str(beat.waiting_run),
    )


def _split(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise InputError(
            f"{address!r} is no address", hint="write host:port, as the operator's invitation has it"
        )
    return host.strip("[]"), int(port)


def _connected(address: str) -> socket.socket:
    host, port = _split(address)
    try:
        return socket.create_connection((host, port), timeout=_PATIENCE_S)
    except TimeoutError as error:
        raise ConnectError(
            f"nothing answers at {address} within {_PATIENCE_S:g} s",
            hint="a firewall may drop the way there: ask the operator whether the port is open to you",
        ) from error
    except OSError as error:
        raise ConnectError(
            f"nothing listens at {address} ({error.strerror or error})",
            hint="the coordinator may not run (`feddmf coordinator start`), or it listens at another "
            "address: ask the operator",
        ) from error


def _not_accepted(address: str, error: ssl.SSLCertVerificationError) -> Refused:
    code = error.verify_code
    if code in {_ENDED, _NOT_YET}:
        what = "has ended" if code == _ENDED else "is not valid yet"
        return Refused(
            f"the certificate of the coordinator at {address} {what} by this machine's clock, "
            f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            hint="set this machine's clock right; if it is, the operator runs: feddmf coordinator renew",
        )
    if code in {_OTHER_NAME, _OTHER_ADDRESS}:
        return Refused(
            f"the certificate of the coordinator is for other names than {_split(address)[0]}",
            hint="the operator adds the name to `hosts` in coordinator.toml, then runs: "
            "feddmf coordinator renew",
        )
    return Refused(
        f"what answers at {address} has no certificate from the root that this party trusts",
        hint="check the address with the operator; if it is right, ask whether the federation was founded "
        "anew and enrol again, or somebody stands in between",
    )


def _no_tls(address: str) -> ConnectError:
    return ConnectError(
        f"what listens at {address} does not speak as a coordinator does",
        hint="another program may have that port, or a proxy stands in between: ask the operator for the "
        "federation's address",
    )
