"""How long a caller may take to say what it wants, once it has begun to call.

Without it, whoever opens a call and sends nothing holds a place among those that the server serves at once:
a method that takes one message is entered only when that message is there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

__all__ = ["REQUEST_S", "Patience"]

log = logging.getLogger(__name__)

REQUEST_S = 10.0
"""Seconds in which the one message of a call must have come."""

Context = grpc.aio.ServicerContext[Any, Any]


class Patience(grpc.aio.ServerInterceptor):
    """Serves methods that take one message as though they took a stream, and reads its first in time."""

    def __init__(self, limit_s: float = REQUEST_S) -> None:
        self._limit_s = limit_s

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Return the handler of a call; what takes a stream has bounds of its own."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.request_streaming:
            return handler
        codec = {
            "request_deserializer": handler.request_deserializer,
            "response_serializer": handler.response_serializer,
        }
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(self._streamed(handler.unary_stream), **codec)
        return grpc.stream_unary_rpc_method_handler(self._answered(handler.unary_unary), **codec)

    def _answered(self, method: Callable[[Any, Context], Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def answered(requests: AsyncIterator[Any], context: Context) -> Any:
            return await method(await self._first(requests, context), context)

        return answered

    def _streamed(
        self, method: Callable[[Any, Context], AsyncIterator[Any]]
    ) -> Callable[..., AsyncIterator[Any]]:
        async def streamed(requests: AsyncIterator[Any], context: Context) -> AsyncIterator[Any]:
            async for part in method(await self._first(requests, context), context):
                yield part

        return streamed

    async def _first(self, requests: AsyncIterator[Any], context: Context) -> Any:
        try:
            async with asyncio.timeout(self._limit_s):
                async for request in requests:
                    return request
        except TimeoutError:
            log.warning("%s began a call and said nothing for %g s", context.peer(), self._limit_s)
        await context.abort(grpc.StatusCode.UNAVAILABLE, "no message came; send it again")
        raise AssertionError("abort always raises")
