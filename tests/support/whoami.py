"""The smallest service behind the federation port's TLS: it answers with the id of the calling party."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc

from feddmf_coordinator.server.identity import Doorkeeper
from support.authority import EnrolledFederation

__all__ = ["ask", "client_credentials", "opened", "party_pair", "serving", "tls_versions"]

METHOD = "/support.Who/Ask"
Pair = tuple[bytes, bytes]


@contextlib.asynccontextmanager
async def serving(doorkeeper: Doorkeeper, credentials: grpc.ServerCredentials) -> AsyncIterator[int]:
    """Serve on a free port of loopback; yield the port."""

    async def answer(_request: bytes, context: grpc.aio.ServicerContext[Any, Any]) -> bytes:
        return (await doorkeeper.admit(context)).encode()

    handlers = {"Ask": grpc.unary_unary_rpc_method_handler(answer)}
    server = grpc.aio.server(handlers=[grpc.method_handlers_generic_handler("support.Who", handlers)])
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield port
    finally:
        await server.stop(None)


def client_credentials(root: bytes, pair: Pair | None) -> grpc.ChannelCredentials:
    """Return a party's TLS: (key, certificate) as PEM, or none to show."""
    key, certificate = pair or (None, None)
    return grpc.ssl_channel_credentials(root, key, certificate)


@contextlib.asynccontextmanager
async def opened(port: int, root: bytes, pair: Pair | None) -> AsyncIterator[grpc.aio.Channel]:
    """Open a channel to `port` that trusts `root` and shows `pair`."""
    async with grpc.aio.secure_channel(f"localhost:{port}", client_credentials(root, pair)) as channel:
        yield channel


async def ask(channel: grpc.aio.Channel) -> str:
    """Return the party's id, or the name of the status and its details: `UNAUTHENTICATED refused`."""
    try:
        return bytes(await channel.unary_unary(METHOD)(b"", timeout=5)).decode()
    except grpc.aio.AioRpcError as error:
        return f"{error.code().name} {error.details()}"


def tls_versions(port: int, root: Path, pair: tuple[Path, Path] | None = None) -> dict[str, bool]:
    """Return for TLS 1.2 and 1.3 whether a client that speaks that version alone gets a first byte."""
    return {
        version.name: _first_byte(port, root, pair, version)
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    }


def _first_byte(port: int, root: Path, pair: tuple[Path, Path] | None, version: ssl.TLSVersion) -> bool:
    context = ssl.create_default_context(cafile=str(root))
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2"])
    if pair is not None:
        context.load_cert_chain(pair[1], pair[0])
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secure,
        ):
            # Under 1.3 the client's certificate is judged after its handshake is done: read to know.
            return secure.recv(1) != b""
    except (ssl.SSLError, ConnectionError):
        return False


def party_pair(federation: EnrolledFederation, party: str) -> Pair:
    """Return (key, certificate) of an enrolled party as PEM."""
    identity = federation.identity(party)
    return identity.key_pem, identity.certificate_pem
