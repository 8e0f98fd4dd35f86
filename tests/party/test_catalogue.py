"""Accepted views: proven when they come, and proven again each time they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from feddmf.catalogue.table import Catalogue
from feddmf.catalogue.view import CatalogueView, ViewItem, encode_view
from feddmf.errors import CatalogueError
from feddmf.merkle import leaf_hash
from feddmf_party.catalogue import AcceptedViews, FetchedView


def catalogue(version: int) -> Catalogue:
    """Return a catalogue of two parties."""
    columns = {"acme": {"lamp": "1", "pen": f"p{version}"}, "bolt": {"lamp": "1"}}
    return Catalogue(version, {"lamp": "Lamp", "pen": "Pen"}, columns)


def document(version: int = 1, party: str = "acme") -> bytes:
    """Return what the coordinator sends: proof, line end, view."""
    published = catalogue(version)
    proof = published.proof(party).model_dump_json().encode()
    return proof + b"\n" + encode_view(published.view(party))


def fetched(version: int) -> FetchedView:
    """Return a fetched view of acme."""
    return FetchedView.parse(document(version), party="acme")


def forged(view: CatalogueView) -> bytes:
    """Return a document whose whole catalogue is `view`: it proves itself."""
    body = encode_view(view)
    proof = f'{{"digest":"{leaf_hash(body).hex()}","index":0,"size":1,"path":[]}}'
    return proof.encode() + b"\n" + body


def test_a_proven_view_is_taken() -> None:
    """The view, its digest and the bytes that prove it are kept together."""
    found = fetched(1)
    assert found.digest == catalogue(1).digest()
    assert found.view == catalogue(1).view("acme")
    assert found.document == document(1)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no proof"),
        (b"{}\n[]", "has no proof"),
        (document().replace(b'"index":0', b'"index":-1'), "has no proof"),
        (document().replace(b"Lamp", b"Lamb"), "is not part of digest"),
        (document().replace(b'["bolt"]', b"[]"), "is not part of digest"),
        (document(party="bolt"), "the catalogue view is for bolt, not for acme"),
        (forged(CatalogueView(party="bolt", version=1, items=())), "is for bolt, not for acme"),
    ],
)
def test_what_is_not_proven_is_refused(content: bytes, message: str) -> None:
    """No proof, a wrong proof, an edited view and another party's view are told apart."""
    with pytest.raises(CatalogueError, match=message):
        FetchedView.parse(content, party="acme")


def test_a_view_that_names_the_party_as_its_own_peer_is_refused() -> None:
    """A coordinator cannot make an exclusive item look matched by naming its owner twice."""
    item = ViewItem(key="pen", label="", local_id="1", peers=("acme",))
    content = forged(CatalogueView(party="acme", version=1, items=(item,)))
    with pytest.raises(CatalogueError, match="names the party as its own peer"):
        FetchedView.parse(content, party="acme")


def test_accepted_versions_are_kept(tmp_path: Path) -> None:
    """Versions come back by number, the latest without one, and by digest."""
    views = AcceptedViews(tmp_path / "catalogue", "acme")
    assert views.versions() == ()
    for version in (1, 10, 2):
        views.put(fetched(version))
    (tmp_path / "catalogue" / "vx.view").write_text("")
    assert views.versions() == (1, 2, 10)
    assert views.get().view.version == 10
    assert views.get(2).digest == views.by_digest(catalogue(2).digest()).digest == catalogue(2).digest()


def test_what_was_not_accepted_is_said(tmp_path: Path) -> None:
    """Without an accepted catalogue, version or digest the error says how to accept one."""
    views = AcceptedViews(tmp_path, "acme")
    with pytest.raises(CatalogueError, match="acme has not accepted any catalogue") as caught:
        views.get()
    assert "feddmf catalog accept" in caught.value.hint
    views.put(fetched(1))
    with pytest.raises(CatalogueError, match="has not accepted catalogue version 3"):
        views.get(3)
    with pytest.raises(
        CatalogueError, match=f"has not accepted the catalogue digest {catalogue(3).digest()[:16]}"
    ):
        views.by_digest(catalogue(3).digest())


def test_an_edited_file_is_found(tmp_path: Path) -> None:
    """A view that was changed on disk is refused by the path of its file."""
    views = AcceptedViews(tmp_path, "acme")
    views.put(fetched(1))
    (tmp_path / "v1.view").write_bytes(document().replace(b"Pen", b"Pan"))
    with pytest.raises(CatalogueError, match=r"v1\.view: the catalogue view is not part of digest"):
        views.get()


def test_views_are_the_partys_own(tmp_path: Path) -> None:
    """A folder of another party's views does not serve this one."""
    AcceptedViews(tmp_path, "acme").put(fetched(1))
    with pytest.raises(CatalogueError, match="is for acme, not for bolt"):
        AcceptedViews(tmp_path, "bolt").get()
