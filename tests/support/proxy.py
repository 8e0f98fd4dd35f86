"""A way between party and coordinator with weather: TCP on loopback, passed on byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from support.ports import free_ports

__all__ = ["FAIR", "Proxy", "Weather", "proxied"]

_CHUNK = 65_536
# How much of a second's bytes may go at once where there is a bound.
_BURST_S = 0.05
_MOST_UNDER_WAY = 64


@dataclass(frozen=True)
class Weather:
    """What happens to connections and to what they carry.

    delay_s: how long every byte is under way; bytes_per_s: most bytes a second and direction, 0 for any;
    cut_every: a connection is cut after so many bytes of a direction, in the middle of whatever it carries;
    silent_after: no byte of a direction comes through after so many, and nobody is told;
    held_s: a new connection waits for up to so long, so that later ones overtake it; lost: share of new
    connections of which every byte is swallowed; late_s: what was under way when a connection was cut still
    comes to the other end, so much later, when a new connection may have been there before.
    """

    delay_s: float = 0.0
    bytes_per_s: int = 0
    cut_every: int = 0
    silent_after: int = 0
    held_s: float = 0.0
    lost: float = 0.0
    late_s: float = 0.0


FAIR = Weather()


@dataclass(eq=False)
class _Connection:
    """Both ends of one connection."""

    here: asyncio.StreamWriter
    there: asyncio.StreamWriter
    is_cut: bool = False

    def abort(self) -> None:
        for writer in (self.here, self.there):
            writer.transport.abort()


class Proxy:
    """Passes connections on to a port of this machine until they are cut.

    up, down: bytes so far, from the end that connects and from the other; connections: how many there were;
    cuts: how many were cut.
    """

    def __init__(self, port: int, to: int, weather: Weather = FAIR, seed: int = 0) -> None:
        self.port = port
        self.weather = weather
        self.up = self.down = self.connections = self.cuts = 0
        self._to = to
        self._random = random.Random(seed)  # noqa: S311  (weather, not a secret)
        self._open: set[_Connection] = set()

    def cut(self) -> None:
        """Cut every connection; new ones are passed on."""
        for connection in tuple(self._open):
            self._cut(connection)

    def _cut(self, connection: _Connection) -> None:
        self.cuts += 1
        self._open.discard(connection)
        connection.is_cut = True
        if self.weather.late_s:
            connection.here.transport.abort()
        else:
            connection.abort()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on."""
        self.connections += 1
        weather = self.weather
        await asyncio.sleep(weather.held_s * self._random.random())
        if self._random.random() < weather.lost:
            await self._swallow(reader, writer)
            return
        with contextlib.suppress(OSError):
            there_reader, there = await asyncio.open_connection("127.0.0.1", self._to)
            connection = _Connection(writer, there)
            self._open.add(connection)
            try:
                await asyncio.gather(
                    self._pass(connection, reader, there, up=True),
                    self._pass(connection, there_reader, writer, up=False),
                )
            finally:
                self._open.discard(connection)
                connection.abort()

    async def _swallow(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while await reader.read(_CHUNK):
                pass
        writer.transport.abort()

    @property
    def passed(self) -> int:
        """Bytes that came from both ends."""
        return self.up + self.down

    async def _pass(
        self, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, up: bool
    ) -> None:
        """Pass one direction on: what is read waits for its time in a queue, and is written then."""
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(
            _MOST_UNDER_WAY if self.weather.delay_s else 1
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read(connection, reader, under_way, up=up))
            group.create_task(self._write(connection, writer, under_way))

    async def _read(
        self,
        connection: _Connection,
        reader: asyncio.StreamReader,
        under_way: asyncio.Queue[tuple[float, bytes]],
        *,
        up: bool,
    ) -> None:
        weather, carried = self.weather, 0
        most = _CHUNK if not weather.bytes_per_s else max(1, int(weather.bytes_per_s * _BURST_S))
        data = b""
        with contextlib.suppress(OSError):
            while not connection.is_cut and (data := await reader.read(most)):
                left = weather.cut_every - carried if weather.cut_every else len(data)
                carried += len(data)
                self.up, self.down = self.up + up * len(data), self.down + (not up) * len(data)
                await under_way.put((time.monotonic() + weather.delay_s, data[:left]))
                if left < len(data):
                    self._cut(connection)
        await under_way.put((time.monotonic(), b""))

    async def _write(
        self,
        connection: _Connection,
        writer: asyncio.StreamWriter,
        under_way: asyncio.Queue[tuple[float, bytes]],
    ) -> None:
        weather, late = self.weather, False
        while True:
            due, data = await under_way.get()
            if not data:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if connection.is_cut and weather.late_s and not late:
                late = True
                await asyncio.sleep(weather.late_s)
            with contextlib.suppress(OSError):
                writer.write(data)
                await writer.drain()
            if weather.bytes_per_s:
                await asyncio.sleep(len(data) / weather.bytes_per_s)
        writer.transport.abort()


@contextlib.asynccontextmanager
async def proxied(to: int, weather: Weather = FAIR, *, seed: int = 0) -> AsyncIterator[Proxy]:
    """Listen on a free port for a block."""
    (port,) = free_ports(1)
    proxy = Proxy(port, to, weather, seed)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", port)
    try:
        yield proxy
    finally:
        proxy.weather = FAIR
        server.close()
        proxy.cut()
        await server.wait_closed()
        await asyncio.sleep(0)
