"""A way between party and coordinator that can be cut: TCP on loopback, passed on byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from support.ports import free_ports

__all__ = ["Proxy", "proxied"]


class Proxy:
    """Passes connections on to a port of this machine until they are cut."""

    def __init__(self, port: int, to: int) -> None:
        self.port = port
        self.passed = 0
        self._to = to
        self._open: set[asyncio.StreamWriter] = set()

    def cut(self) -> None:
        """Cut every connection; new ones are passed on."""
        for writer in self._open:
            writer.transport.abort()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on."""
        with contextlib.suppress(OSError):
            there_reader, there = await asyncio.open_connection("127.0.0.1", self._to)
            self._open |= {writer, there}
            try:
                await asyncio.gather(self._pass(reader, there), self._pass(there_reader, writer))
            finally:
                self._open -= {writer, there}
                for each in (writer, there):
                    each.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            self.passed += len(data)
            writer.write(data)
            await writer.drain()
        writer.transport.abort()


@contextlib.asynccontextmanager
async def proxied(to: int) -> AsyncIterator[Proxy]:
    """Listen on a free port for a block."""
    (port,) = free_ports(1)
    proxy = Proxy(port, to)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", port)
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
        await server.wait_closed()
        await asyncio.sleep(0)
