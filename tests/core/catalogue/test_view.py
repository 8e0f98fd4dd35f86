"""A party sees its own column and who else sells its items, and can prove that this is all there is."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feddmf.catalogue.table import Catalogue
from feddmf.catalogue.view import (
    CatalogueView,
    ViewItem,
    ViewProof,
    decode_view,
    encode_view,
    verify_view,
)
from feddmf.errors import CatalogueError
from support.catalogues import catalogues

CATALOGUE = Catalogue(
    version=2,
    labels={"lamp": "Lamp", "pen": "Pen", "cup": "Cup"},
    columns={
        "acme": {"lamp": "secret-a1", "pen": "secret-a2"},
        "bolt": {"lamp": "secret-b1"},
        "cargo": {"lamp": "secret-c1", "cup": "secret-c2"},
    },
)


def test_a_view_is_the_partys_own_column() -> None:
    """Items come sorted by key, with label, own local id, and the others that sell them."""
    view = CATALOGUE.view("acme")
    assert view.items == (
        ViewItem(key="lamp", label="Lamp", local_id="secret-a1", peers=("bolt", "cargo")),
        ViewItem(key="pen", label="Pen", local_id="secret-a2", peers=()),
    )
    assert view.keys == ("lamp", "pen")
    assert view.by_key["pen"].local_id == "secret-a2"


@pytest.mark.parametrize(
    ("roster", "matched", "exclusive"),
    [
        (("acme", "bolt"), ("lamp",), ("pen",)),
        (("acme",), (), ("lamp", "pen")),
        (("acme", "delta"), (), ("lamp", "pen")),
    ],
)
def test_only_members_of_the_run_make_an_item_matched(
    roster: tuple[str, ...], matched: tuple[str, ...], exclusive: tuple[str, ...]
) -> None:
    """Matched and exclusive are told by who takes part, not by who is in the catalogue."""
    view = CATALOGUE.view("acme")
    assert (view.matched(roster), view.exclusive(roster)) == (matched, exclusive)


@pytest.mark.parametrize(
    ("roster", "askable"),
    [
        (("acme", "bolt"), ("pen",)),
        (("acme", "bolt", "cargo"), ("pen",)),
        (("acme", "bolt", "delta"), ("lamp", "pen")),
    ],
)
def test_an_item_is_askable_where_a_member_lacks_it(
    roster: tuple[str, ...], askable: tuple[str, ...]
) -> None:
    """One other member without it is enough, however many others sell it."""
    assert CATALOGUE.view("acme").askable(roster) == askable


@given(catalogues())
def test_parties_and_the_operator_agree_on_what_can_be_asked_for(catalogue: Catalogue) -> None:
    """What the whole catalogue says of a party's items is what the party's own view says."""
    for party in catalogue.parties:
        askable = catalogue.view(party).askable(catalogue.parties)
        lacked = {
            key for key in catalogue.columns[party] if len(catalogue.sellers[key]) < len(catalogue.parties)
        }
        assert catalogue.askable(party) == set(askable) == lacked
    assert catalogue.askable("nobody") == frozenset()


@given(catalogues())
def test_a_view_shows_nothing_else_of_the_others(catalogue: Catalogue) -> None:
    """Whatever the others' columns hold, all that a view takes from them is which of its keys match."""
    for party in catalogue.parties:
        own = catalogue.columns[party]
        bare = {
            other: {key: f"hidden-{number}" for number, key in enumerate(column) if key in own}
            for other, column in catalogue.columns.items()
        }
        labels = {key: catalogue.labels[key] for key in own}
        known = Catalogue(catalogue.version, labels, bare | {party: own})
        assert encode_view(known.view(party)) == encode_view(catalogue.view(party))


@given(catalogues())
def test_a_view_survives_its_bytes_and_is_proven(catalogue: Catalogue) -> None:
    """The canonical bytes decode to the view, and its proof holds against the digest."""
    for party in catalogue.parties:
        view = catalogue.view(party)
        document = encode_view(view)
        assert decode_view(document) == view
        proof = catalogue.proof(party)
        assert proof.digest == catalogue.digest()
        verify_view(document, ViewProof.model_validate_json(proof.model_dump_json()))


@given(catalogues(), st.data())
def test_a_changed_byte_is_refused(catalogue: Catalogue, data: st.DataObject) -> None:
    """A view in which any one byte differs is not part of the digest."""
    party = data.draw(st.sampled_from(catalogue.parties))
    document = bytearray(encode_view(catalogue.view(party)))
    place = data.draw(st.integers(0, len(document) - 1))
    document[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CatalogueError, match="is not part of digest"):
        verify_view(bytes(document), catalogue.proof(party))


@given(catalogues())
def test_nobody_can_be_shown_anothers_view(catalogue: Catalogue) -> None:
    """A view does not hold under the proof of another party."""
    first, second = catalogue.parties[:2]
    with pytest.raises(CatalogueError, match="is not part of digest"):
        verify_view(encode_view(catalogue.view(first)), catalogue.proof(second))


@given(catalogues(), st.data())
def test_any_change_of_the_catalogue_changes_the_digest(catalogue: Catalogue, data: st.DataObject) -> None:
    """A digest pins every cell of every party, the labels, the version, and keys that nobody matches."""
    party = data.draw(st.sampled_from(catalogue.parties))
    column = dict(catalogue.columns[party])
    if column:
        del column[data.draw(st.sampled_from(sorted(column)))]
        gone = Catalogue(catalogue.version, catalogue.labels, {**catalogue.columns, party: column})
        assert gone.digest() != catalogue.digest()
    key = data.draw(st.sampled_from(sorted(catalogue.labels)))
    renamed = catalogue.labels | {key: catalogue.labels[key] + "!"}
    others = [
        Catalogue(catalogue.version + 1, catalogue.labels, catalogue.columns),
        Catalogue(catalogue.version, renamed, catalogue.columns),
        Catalogue(catalogue.version, {**catalogue.labels, "one more": ""}, catalogue.columns),
    ]
    assert catalogue.digest() not in {other.digest() for other in others}


@pytest.mark.parametrize("path", [("no hex",), ("00",), ()])
def test_a_path_that_leads_nowhere_is_refused(path: tuple[str, ...]) -> None:
    """A proof that is no proof is refused like one that does not hold."""
    proof = CATALOGUE.proof("acme").model_copy(update={"path": path})
    with pytest.raises(CatalogueError, match="is not part of digest"):
        verify_view(encode_view(CATALOGUE.view("acme")), proof)


def test_a_proof_of_a_giant_tree_is_refused() -> None:
    """A coordinator cannot send its parties up a path without end."""
    with pytest.raises(ValueError, match="size"):
        ViewProof(digest="0" * 64, index=0, size=2**3000, path=("00" * 32,) * 3000)


@pytest.mark.parametrize(
    "content",
    [
        b"\xff",
        b"5",
        b"{}",
        b"[" * 100_000,
        b'["acme",1]',
        b'["acme",1,5]',
        b'["acme",1,[["k","l","i"]]]',
        b'["acme",0,[]]',
        b'["acme",1,[["k","l","i","bolt"]]]',
        b'["acme",1,[["k","l","",[]]]]',
        b'["acme",1,[["b","","1",[]],["a","","2",[]]]]',
        b'["acme",1,[["a","","1",[]],["a","","2",[]]]]',
        b'["acme",1,[["a","","1",[]],["b","","1",[]]]]',
    ],
)
def test_bytes_that_are_no_view_are_refused(content: bytes) -> None:
    """Whatever arrives instead of a view, the error is the catalogue's."""
    with pytest.raises(CatalogueError):
        decode_view(content)


def rows(document: bytes) -> Any:
    """Return the rows of a canonical view."""
    return json.loads(document)[2]


def test_no_local_id_of_a_peer_is_in_the_bytes() -> None:
    """The bytes that bolt gets name neither the others' local ids nor what bolt does not sell."""
    document = encode_view(CATALOGUE.view("bolt"))
    assert rows(document) == [["lamp", "Lamp", "secret-b1", ["acme", "cargo"]]]
    assert CatalogueView.model_validate(CATALOGUE.view("bolt").model_dump()).keys == ("lamp",)


@pytest.mark.parametrize("place", ["key", "label", "peers"])
def test_half_a_character_is_in_no_view(place: str) -> None:
    """JSON can spell one; nothing can write it down again."""
    item: dict[str, Any] = {"key": "lamp", "label": "Lamp", "local_id": "1", "peers": ["bolt"]}
    item[place] = ["\ud800"] if place == "peers" else "\ud800"
    document = json.dumps(["acme", 1, [list(item.values())]], separators=(",", ":")).encode()
    with pytest.raises(CatalogueError) as caught:
        decode_view(document)
    assert caught.value.hint


def test_a_view_is_read_in_its_one_form() -> None:
    """Other bytes of the same content are none."""
    document = encode_view(CATALOGUE.view("acme"))
    assert decode_view(document) == CATALOGUE.view("acme")
    with pytest.raises(CatalogueError, match="as a coordinator writes it"):
        decode_view(document.replace(b",", b", "))
