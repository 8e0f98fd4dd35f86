"""`feddmf catalog` at a party: see what is published, accept exactly that."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from feddmf.catalogue.listing import ListedItem, parse_items, parse_keys, render_listing
from feddmf.cli.options import VersionOption, seconds_option
from feddmf.cli.output import FormatOption, OutputFormat, say, show, table
from feddmf.cli.progress import LiveProgress
from feddmf.errors import CatalogueError, InputError
from feddmf.files import read_text, write_text
from feddmf.identity import check_party
from feddmf.locks import only_one
from feddmf_party.catalogue import AcceptedViews, FetchedView
from feddmf_party.cli.options import FolderOption, call_coordinator, party_name
from feddmf_party.cli.written import check_place
from feddmf_party.folder import PartyFolder
from feddmf_party.identity import IdentityFiles
from feddmf_party.matching import Found, Matcher, check_version

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


@app.command("match")
def match(
    *,
    peer: Annotated[str, typer.Option("--with", help="The party to match with; it runs the same command.")],
    items: Annotated[
        Path,
        typer.Option(
            help="This party's items: one key a line, or .csv with a column of keys, and label and local_id "
            "if you like."
        ),
    ],
    column: Annotated[str, typer.Option(help="Column of the keys, in a .csv file.")] = "key",
    out: Annotated[
        Path | None,
        typer.Option(
            help="CSV for the common items, as catalogue rows.", show_default="common-PEER.csv in the folder"
        ),
    ] = None,
    wait_s: Annotated[float, seconds_option("Seconds to wait for the peer, in each of two steps.")] = 600.0,
    folder: FolderOption = Path(),
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Find the items that this party and a peer have in common, without showing any other to anybody."""
    where = PartyFolder(folder)
    where.require()
    identity = IdentityFiles(where.path).load_federation()
    party = identity.party
    if check_party(peer) == party:
        raise InputError(f"{peer} is this party itself", hint="name the other one with --with")
    out = out or where.path / f"common-{peer}.csv"
    check_place(out, folder)
    listed = {item.key: item for item in _listed(items, column)}
    with only_one(where.lock, doing="using"), LiveProgress() as progress:
        matcher = Matcher(where, identity.federation, party, peer, tuple(listed), progress)
        matcher.check()

        async def call(client: FederationClient) -> Found:
            begun = matcher.begun_version()
            version = (await client.beat("")).catalogue_version if begun is None else begun
            if begun is None:
                check_version(AcceptedViews(where.catalogue, party), version)
            else:
                say(f"going on where it was; to give it up, remove {where.matchings}/{peer}.v{begun}.*")
            say(f"matching {len(listed)} items with {peer} under catalogue version {version}")
            found = await matcher.find(client, version, wait_s=wait_s)
            # Kept before it is over: it cannot be found again.
            write_text(out, render_listing((listed[key] for key in found.common), party))
            await matcher.finish(client, version)
            return found

        found = call_coordinator(where, call, patience_s=where.settings().node.reconnect_s)
    data = {**asdict(found), "file": str(out)}
    show(data, output, lambda: f"{len(found.common)} of {found.own} items are common, in {out}")
    for line in _revealed(found):
        say(line)


def _listed(items: Path, column: str) -> tuple[ListedItem, ...]:
    text = read_text(items, what="the items", hint="give a text file, one key a line, or a CSV")
    if items.suffix.lower() == ".csv":
        return parse_items(text, column=column, where=str(items))
    return parse_keys(text, where=str(items))


def _revealed(found: Found) -> tuple[str, ...]:
    """Return what the matching has told to whom, and what may be done now."""
    peer, common = found.peer, len(found.common)
    told = (
        f"{peer} and the coordinator learned that this party brought {found.own} items and that {common} "
        f"are common; {peer} also learned which these are"
    )
    rest = (
        f"of the other {found.own - common} nobody learned anything, but what {peer}, or a coordinator in "
        f"its place, guessed: it brought {found.theirs} items, and could test no more"
    )
    then = (
        "if the operator may know the common items, send the file; with those of all parties: "
        "feddmf catalog publish FILE FILE ..."
    )
    return (told, rest, then) if common else (told, rest)


def _describe(fetched: FetchedView) -> dict[str, object]:
    return {"version": fetched.view.version, "digest": fetched.digest, "items": len(fetched.view.items)}
