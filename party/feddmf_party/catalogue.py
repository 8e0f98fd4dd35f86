"""The catalogue views that this party has fetched and accepted, one file a version."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from feddmf.catalogue.view import CatalogueView, ViewProof, decode_view, verify_view
from feddmf.errors import CatalogueError
from feddmf.files import read_bytes, write_bytes

__all__ = ["AcceptedViews", "FetchedView"]

_ACCEPT = "accept it: feddmf catalog accept"


@dataclass(frozen=True)
class FetchedView:
    """A view that is proven to be part of `digest`, with the bytes that prove it."""

    digest: str
    view: CatalogueView
    document: bytes

    @classmethod
    def parse(cls, document: bytes, *, party: str) -> FetchedView:
        """Check a document `proof newline view`; CatalogueError where it is not proven, or not `party`'s."""
        head, _, body = document.partition(b"\n")
        try:
            proof = ViewProof.model_validate_json(head)
        except ValueError as error:
            raise CatalogueError(
                "the catalogue that arrived has no proof", hint="both ends must run the same version"
            ) from error
        verify_view(body, proof)
        view = decode_view(body)
        if view.party != party:
            raise CatalogueError(
                f"the catalogue view is for {view.party}, not for {party}",
                hint="do not accept it; ask the operator",
            )
        if party in {peer for item in view.items for peer in item.peers}:
            raise CatalogueError(
                "the catalogue view names the party as its own peer",
                hint="do not accept it; ask the operator",
            )
        return cls(proof.digest, view, document)


@dataclass(frozen=True)
class AcceptedViews:
    """The accepted views on disk; each is proven again when it is read."""

    folder: Path
    party: str

    def put(self, fetched: FetchedView) -> None:
        """Keep an accepted view."""
        write_bytes(self._path(fetched.view.version), fetched.document)

    def versions(self) -> tuple[int, ...]:
        """Return the accepted versions, ascending."""
        names = (path.stem.removeprefix("v") for path in self.folder.glob("v*.view"))
        return tuple(sorted(int(name) for name in names if name.isdigit()))

    def get(self, version: int = 0) -> FetchedView:
        """Return an accepted version (the latest for 0); CatalogueError where there is none."""
        accepted = self.versions()
        wanted = version or (accepted[-1] if accepted else 0)
        if wanted not in accepted:
            what = f"catalogue version {version}" if version else "any catalogue"
            raise CatalogueError(f"{self.party} has not accepted {what}", hint=_ACCEPT)
        path = self._path(wanted)
        document = read_bytes(
            path, what="the accepted catalogue", hint="accept it again: feddmf catalog accept"
        )
        try:
            return FetchedView.parse(document, party=self.party)
        except CatalogueError as error:
            raise CatalogueError(f"{path}: {error.message}", hint=_ACCEPT) from error

    def by_digest(self, digest: str) -> FetchedView:
        """Return the accepted view of `digest`; CatalogueError where it was not accepted."""
        for version in reversed(self.versions()):
            fetched = self.get(version)
            if fetched.digest == digest:
                return fetched
        raise CatalogueError(
            f"{self.party} has not accepted the catalogue digest {digest[:16]}", hint=_ACCEPT
        )

    def _path(self, version: int) -> Path:
        return self.folder / f"v{version}.view"
