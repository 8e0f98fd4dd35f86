"""Whether parties can reach this coordinator: who listens on its ports, and which names lead here."""

from __future__ import annotations

import ipaddress
import socket
import ssl

from cryptography import x509

from feddmf.checkup import Checkup
from feddmf.errors import LocalResourceError
from feddmf.locks import is_held
from feddmf_coordinator.server.ports import check_port, endpoint
from feddmf_coordinator.settings import CoordinatorFolder, CoordinatorSettings

__all__ = ["check_names", "check_ports"]

_PATIENCE_S = 5.0


def check_names(
    checkup: Checkup, settings: CoordinatorSettings, certificate: x509.Certificate | None
) -> None:
    """Hold the names that parties dial against the certificate, the network, and what is listened on."""
    missing = () if certificate is None else sorted(set(settings.hosts) - _names_of(certificate))
    lost = [host for host in settings.hosts if not _is_known(host)]
    if missing:
        checkup.note(
            "names",
            f"the server's certificate does not hold {', '.join(missing)}, which coordinator.toml names",
            hint="run: feddmf coordinator renew",
        )
    elif lost:
        checkup.note(
            "names",
            f"this machine knows no address for {', '.join(lost)}",
            hint="that may be meant, where only the parties' networks know it; else mend `hosts` or the DNS",
        )
    elif _is_loopback(settings.listen) and not all(map(_is_loopback, settings.hosts)):
        checkup.note(
            "names",
            f"the coordinator listens on {settings.listen}, which other machines cannot reach",
            hint='write listen = "0.0.0.0" in coordinator.toml, unless something on this machine passes '
            "connections on",
        )
    elif all(map(_is_loopback, settings.hosts)):
        checkup.note(
            "names",
            f"invitations name {settings.hosts[0]}, which leads every company to its own machine",
            hint="for other machines, write `hosts` and `listen` in coordinator.toml, run "
            "`feddmf coordinator renew`, and invite again",
        )
    else:
        checkup.ok("names", f"parties dial {settings.hosts[0]}, which the certificate holds")


def check_ports(checkup: Checkup, where: CoordinatorFolder, settings: CoordinatorSettings) -> None:
    """Tell whether this coordinator serves, and else whether it could."""
    address = endpoint(settings.listen, settings.port)
    if is_held(where.serving_lock):
        checkup.look("port", lambda: _shake_hands(where, settings), lambda _: f"it serves at {address}")
        return
    for port in (settings.port, settings.enrolment_port):
        try:
            check_port(settings.listen, port)
        except LocalResourceError as error:
            checkup.problem("port", error)
            return
    checkup.note("port", f"it does not serve; {address} is free", hint="start it: feddmf coordinator start")


def _shake_hands(where: CoordinatorFolder, settings: CoordinatorSettings) -> None:
    """Raise LocalResourceError unless what listens on the port has a certificate of this folder's root."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.listen, settings.listen)  # noqa: S104
    address = endpoint(host, settings.port)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    tls.set_alpn_protocols(["h2"])
    tls.load_verify_locations(where.root_certificate)
    try:
        with (
            socket.create_connection((host, settings.port), timeout=_PATIENCE_S) as plain,
            tls.wrap_socket(plain, server_hostname=settings.hosts[0]),
        ):
            return
    except OSError as error:
        raise LocalResourceError(
            f"a coordinator works in this folder, and {address} does not answer as one: {error}",
            hint="wait until it has started, or look at its log; end it and start it again after `renew`",
        ) from error


def _names_of(certificate: x509.Certificate) -> set[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    addresses = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    return addresses | set(names.get_values_for_type(x509.DNSName))


def _is_known(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
