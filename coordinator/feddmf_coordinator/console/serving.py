"""The console's own process, around the app."""

from __future__ import annotations

from collections.abc import Callable

from feddmf.web.listening import Listening, serve_app
from feddmf_coordinator.console.app import make_console
from feddmf_coordinator.console.office import Office
from feddmf_coordinator.settings import CoordinatorFolder

__all__ = ["serve"]


async def serve(
    folder: CoordinatorFolder, where: Listening, *, ready: Callable[[], None] = lambda: None
) -> None:
    """Serve the console of `folder` until SIGTERM or SIGINT; `ready` is called once somebody can connect."""
    office = Office(folder)
    try:
        await serve_app(make_console(office, where.hosts), where, ready=ready)
    finally:
        office.close()
