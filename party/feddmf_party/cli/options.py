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

__all__ = [
    "AboveOption",
    "AllOption",
    "AnyOption",
    "AnywayOption",
    "FolderOption",
    "NoneOption",
    "OutOption",
    "OwnerOption",
    "RunOption",
    "SizeOption",
    "ThresholdOption",
    "call_coordinator",
    "party_name",
]

Answer = TypeVar("Answer")

FolderOption = Annotated[Path, typer.Option("--folder", help="The party's folder.", show_default="here")]

RunOption = Annotated[str | None, typer.Option(help="Run to ask.", show_default="the one that finished last")]

OwnerOption = Annotated[
    str | None, typer.Option(help="Peer that published the attribute; all who did make one answer.")
]

AnywayOption = Annotated[
    bool, typer.Option("--anyway", help="Answer also where the evidence says that it is of no use.")
]

OutOption = Annotated[
    Path | None, typer.Option("--out", help="Write here, .csv or .parquet, instead of showing.")
]

# Whom an audience is for, and where its ranking is cut.
AllOption = Annotated[
    list[str] | None,
    typer.Option("--attribute", help="Key of an attribute that they have; repeatable: all of them."),
]
AnyOption = Annotated[
    list[str] | None, typer.Option("--any", help="Key of one of which they have one at least; repeatable.")
]
NoneOption = Annotated[
    list[str] | None, typer.Option("--not", help="Key of an attribute that they lack; repeatable.")
]
SizeOption = Annotated[
    int | None, typer.Option("--size", "--top", min=1, help="Number of users.", show_default="20")
]
AboveOption = Annotated[
    float | None, typer.Option(min=0, max=1, help="All users with a higher probability than this.")
]
ThresholdOption = Annotated[
    bool, typer.Option("--threshold", help="All above the threshold that hidden items chose; one attribute.")
]

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
