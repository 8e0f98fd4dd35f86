"""One channel to the coordinator under one certificate, with its stub, and the calls that it carries."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc

from feddmf.wire.framing import open_stub
from feddmf_party.identity import PartyIdentity

__all__ = ["Line"]

Answer = TypeVar("Answer")

_GRACE_S = 0.5


class Line:
    """An async context manager around a channel; one that is retired closes when its last call has ended.

    greeted: whether it was found to lead to this party's federation.
    """

    def __init__(
        self, identity: PartyIdentity, options: Sequence[tuple[str, Any]], address: str | None = None
    ) -> None:
        self.address = address or identity.federation_address
        self.greeted = False
        self._lost = float("-inf")
        credentials = grpc.ssl_channel_credentials(
            identity.root_pem, identity.key_pem, identity.certificate_pem
        )
        self._channel = grpc.aio.secure_channel(self.address, credentials, options=options)
        self.stub = open_stub(self._channel)
        self._calls = 0
        self._retired = False
        self._closing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._closing is not None:
            await self._closing
        await self._channel.close(grace=_GRACE_S)

    def retire(self) -> None:
        """Carry no new call; the channel closes once nothing is under way."""
        self._retired = True
        self._close_if_done()

    async def carry(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """Make a call over this channel."""
        self._calls += 1
        try:
            return await call()
        finally:
            self._calls -= 1
            self._close_if_done()

    def heard(self) -> None:
        """Note that a call was answered."""
        self._lost = float("inf")

    def lost(self, began: float, now: float, *, gone: bool) -> bool:
        """Note that a call, begun at `began`, was not answered; tell whether to look for another way.

        That is where none ever was, where this call was begun after another had failed, and where what
        answers is not the coordinator: `gone`.
        """
        answered = self._lost == float("inf")
        if answered:
            self._lost = now
        return gone or (not answered and began >= self._lost)

    def _close_if_done(self) -> None:
        if self._retired and not self._calls and self._closing is None:
            self._closing = asyncio.ensure_future(self._channel.close())
