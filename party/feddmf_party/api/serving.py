"""Serving a party's folder: one process a folder, until a signal ends it."""

from __future__ import annotations

from collections.abc import Callable

from feddmf.locks import only_one
from feddmf.web.listening import Listening, serve_app
from feddmf_party.api.app import make_api
from feddmf_party.api.desk import Desk
from feddmf_party.folder import PartyFolder

__all__ = ["serve"]


async def serve(folder: PartyFolder, where: Listening, *, ready: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM or SIGINT; `ready` is called once somebody can connect.

    LocalResourceError where the port is taken or another process serves this folder, InputError where its
    files or those of TLS cannot be used.
    """
    folder.require()
    folder.policy()
    with only_one(folder.api_lock, doing="serving the query API of"):
        desk = Desk(folder)
        desk.tokens.all()
        desk.exporter.open()
        desk.fill_scores()
        try:
            await serve_app(make_api(desk, where.hosts), where, ready=ready)
        finally:
            desk.close()
