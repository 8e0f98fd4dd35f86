"""gRPC's standard health service on the federation port; it answers enrolled parties alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
from grpc_health.v1 import health_pb2 as pb  # type: ignore[import-untyped]
from grpc_health.v1 import health_pb2_grpc

from feddmf_coordinator.server.calls import Calls, Context

__all__ = ["Health"]

# The whole server, and the one service that it is for.
_NAMES = ("", "feddmf.wire.Federation")
_SERVING, _NOT_SERVING = pb.HealthCheckResponse.SERVING, pb.HealthCheckResponse.NOT_SERVING


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Serving until `stop` is set."""

    def __init__(self, calls: Calls, stop: asyncio.Event) -> None:
        self._calls, self._stop = calls, stop

    async def Check(  # noqa: N802
        self, request: pb.HealthCheckRequest, context: Context
    ) -> pb.HealthCheckResponse:
        """Say how the server stands; NOT_FOUND for a service that it does not have."""
        async with self._calls.admitted(context, "Check"):
            if request.service not in _NAMES:
                await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return self._standing()

    async def List(  # noqa: N802
        self,
        request: pb.HealthListRequest,  # noqa: ARG002  (it asks for all there is)
        context: Context,
    ) -> pb.HealthListResponse:
        """Say how each service stands."""
        async with self._calls.admitted(context, "List"):
            return pb.HealthListResponse(statuses=dict.fromkeys(_NAMES, self._standing()))

    async def Watch(  # noqa: N802
        self, request: pb.HealthCheckRequest, context: Context
    ) -> AsyncIterator[pb.HealthCheckResponse]:
        """Say how the server stands, and once more when it stops."""
        async with self._calls.admitted(context, "Watch"):
            if request.service not in _NAMES:
                yield pb.HealthCheckResponse(status=pb.HealthCheckResponse.SERVICE_UNKNOWN)
                return
            yield self._standing()
            if not self._stop.is_set():
                await self._stop.wait()
                yield self._standing()

    def _standing(self) -> pb.HealthCheckResponse:
        return pb.HealthCheckResponse(status=_NOT_SERVING if self._stop.is_set() else _SERVING)
