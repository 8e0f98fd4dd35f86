"""Addresses and ports that the coordinator listens on."""

from __future__ import annotations

import socket

from feddmf.errors import LocalResourceError

__all__ = ["check_port", "endpoint"]


def endpoint(host: str, port: int) -> str:
    """Return `host:port` as gRPC and people write it, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def check_port(host: str, port: int) -> None:
    """Raise LocalResourceError naming the port unless this process could listen on it now."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            # Two sockets may be bound to one port with SO_REUSEADDR, but only one may listen.
            probe.listen(1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise LocalResourceError(
            f"cannot listen on {endpoint(host, port)}: {reason}",
            hint="end what listens there, or change `listen`, `port` or `enrolment_port` in coordinator.toml",
        ) from error
