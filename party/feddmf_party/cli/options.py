"""Options that the party's commands share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from feddmf_party.folder import PartyFolder
from feddmf_party.identity import IdentityFiles

if TYPE_CHECKING:
    from feddmf_party.client.federation import FederationClient

__all__ = ["FolderOption", "RunOption", "call_coordinator", "party_name"]

Answer = TypeVar("Answer")

FolderOption = Annotated[Path, typer.Option("--folder", help="The party's folder.", show_default="here")]

RunOption = Annotated[str | None, typer.Option(help="Run to ask.", show_default="the one that finished last")]

# Somebody waits at the terminal: give up sooner than a node does.
_PATIENCE_S = 5.0


def party_name(folder: PartyFolder) -> str:
    """Return the id that this folder is enrolled under; InputError where it has not enrolled."""
    folder.require()
    return IdentityFiles(folder.path).load_federation().party


def call_coordinator(
    folder: PartyFolder,
    call: Callable[[FederationClient], Awaitable[Answer]],
    *,
    patience_s: float = _PATIENCE_S,
) -> Answer:
    """Connect, say hello, make one call, disconnect; give up on a coordinator away for `patience_s`."""
    # Only a command that connects needs gRPC.
    from feddmf_party.client.federation import FederationClient

    settings = folder.settings()
    node = settings.node.model_copy(update={"reconnect_s": patience_s})

    async def main() -> Answer:
        async with FederationClient(folder.path, node, settings.coordinator.addresses) as client:
            await client.hello()
            return await call(client)

    return asyncio.run(main())
