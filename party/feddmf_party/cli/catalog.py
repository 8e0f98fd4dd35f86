"""`feddmf catalog` at a party: see what is published, accept exactly that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feddmf.cli.options import VersionOption
from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.errors import CatalogueError
from feddmf_party.catalogue import AcceptedViews, FetchedView
from feddmf_party.cli.options import FolderOption, call_coordinator, party_name
from feddmf_party.folder import PartyFolder

if TYPE_CHECKING:
    from feddmf_party.client.federation import FederationClient

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command("accept")
def accept(
    *,
    folder: FolderOption = Path(),
    version: VersionOption = 0,
    digest: Annotated[
        str | None, typer.Option(help="Accept only this digest, as the operator told it.")
    ] = None,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Fetch the published catalogue, check its proof, and accept its digest for this party."""
    where = PartyFolder(folder)
    party = party_name(where)

    async def call(client: FederationClient) -> FetchedView:
        fetched = FetchedView.parse(await client.catalogue(version), party=party)
        if digest is not None and not fetched.digest.startswith(digest.lower()):
            raise CatalogueError(
                f"the published digest is {fetched.digest}, not {digest}",
                hint="ask the operator what changed",
            )
        # Kept before it is announced: a run that pins it may begin the moment the coordinator knows.
        AcceptedViews(where.catalogue, party).put(fetched)
        await client.accept_catalogue(fetched.view.version, fetched.digest)
        return fetched

    fetched = call_coordinator(where, call)
    data = _describe(fetched)
    text = f"accepted catalogue version {data['version']}, digest {data['digest']}: {data['items']} items"
    show(data, output, lambda: text)


@app.command("show")
def show_(
    *,
    folder: FolderOption = Path(),
    version: VersionOption = 0,
    top: Annotated[int, typer.Option(min=1, help="Rows to show; --format json has all.")] = 20,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Show this party's items in an accepted version, and who else sells them."""
    where = PartyFolder(folder)
    fetched = AcceptedViews(where.catalogue, party_name(where)).get(version)
    items = fetched.view.items
    data = {**_describe(fetched), "view": [item.model_dump(mode="json") for item in items]}
    rows = [(item.key, item.label, item.local_id, ", ".join(item.peers) or None) for item in items[:top]]
    title = f"catalogue version {fetched.view.version}: {len(items)} items, digest {fetched.digest}"
    show(data, output, lambda: table(("key", "label", "local id", "also sold by"), rows, title=title))
    if len(items) > top and output is OutputFormat.TEXT:
        say(f"{len(items) - top} more items; show them with --top {len(items)}")


@app.command("coverage")
def coverage(
    *, folder: FolderOption = Path(), version: VersionOption = 0, output: FormatOption = OutputFormat.TEXT
) -> None:
    """Show how many of this party's items each peer sells too."""
    where = PartyFolder(folder)
    view = AcceptedViews(where.catalogue, party_name(where)).get(version).view
    peers = sorted({peer for item in view.items for peer in item.peers})
    rows = [(peer, sum(peer in item.peers for item in view.items), len(view.items)) for peer in peers]
    columns = ("peer", "shared", "own_items")
    data = {"version": view.version, "peers": [dict(zip(columns, row, strict=True)) for row in rows]}
    title = f"catalogue version {view.version}"
    show(data, output, lambda: table(("peer", "shared", "of own items"), rows, title=title))


def _describe(fetched: FetchedView) -> dict[str, object]:
    return {"version": fetched.view.version, "digest": fetched.digest, "items": len(fetched.view.items)}
