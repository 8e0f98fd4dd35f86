"""A party's own list of items, and lists of several parties joined into a catalogue."""

from __future__ import annotations

import pytest
from hypothesis import given

from feddmf.catalogue.listing import ListedItem, join_listings, parse_items, parse_keys, render_listing
from feddmf.catalogue.table import Catalogue, parse_catalogue
from feddmf.errors import CatalogueError
from support.catalogues import catalogues


def test_keys_come_one_a_line() -> None:
    """Stripped, in order; empty lines and a byte order mark do not count; the key is label and own id too."""
    assert parse_keys("\ufeffb \r\n\n a,1\n", where="x") == (
        ListedItem("b", "b", "b"),
        ListedItem("a,1", "a,1", "a,1"),
    )


def test_a_csv_has_keys_in_a_column_and_perhaps_labels_and_own_ids() -> None:
    """Columns are found by name, others are left alone, and an empty cell is the key."""
    text = 'price,label,ean,local_id\n1,"A, big",1 ,x\n\n2,,2,\n'
    assert parse_items(text, column="ean", where="x") == (
        ListedItem("1", "A, big", "x"),
        ListedItem("2", "2", "2"),
    )
    assert parse_items("key\na\n", column="key", where="x") == (ListedItem("a", "a", "a"),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "items.csv line 1: the columns are missing"),
        ("ean,label\n", "items.csv line 1: the columns are ean, label"),
        ("key,key\na,b\n", "items.csv line 1: the columns are key, key"),
        ("key,label\n", "items.csv: no items"),
        ("key,label\na,A\nb\n", "items.csv line 3: 1 cells where the header has 2"),
        ("key,label\n ,A\n", "items.csv line 2: key '' is empty"),
        (f"key,label\na,{'A' * 201}\n", "items.csv line 2: key 'a' is empty, or a cell is over 200"),
        ("key,label\na,A\nb,B\na ,C\n", "items.csv line 4: key 'a' is also on line 2"),
        ("key,local_id\na,1\nb,1\n", "items.csv line 3: local id '1' is also on line 2"),
        ('key\n"a\n', "items.csv line 2: unexpected end of data"),
    ],
)
def test_what_is_wrong_is_named_by_file_and_line(text: str, message: str) -> None:
    """Keys are held to the rules of a catalogue's keys."""
    with pytest.raises(CatalogueError) as caught:
        parse_items(text, column="key", where="items.csv")
    assert message in caught.value.message
    assert caught.value.hint


def test_lines_of_keys_are_held_to_the_same_rules() -> None:
    """A key twice, one too long, and none at all."""
    with pytest.raises(CatalogueError, match="x line 3: key 'a' is also on line 1"):
        parse_keys("a\nb\na\n", where="x")
    with pytest.raises(CatalogueError, match="x line 2"):
        parse_keys(f"a\n{'b' * 201}\n", where="x")
    with pytest.raises(CatalogueError, match="x: no items"):
        parse_keys("\n \n", where="x")


def test_two_parties_common_items_join_into_a_catalogue() -> None:
    """Each gives its own names; a label that says something goes before one that is only the key."""
    acme = render_listing([ListedItem("k1", "k1", "a1"), ListedItem("k2", "Two, or so", "a2")], "acme")
    bolt = render_listing([ListedItem("k2", "Zwei", "b2"), ListedItem("k1", "One", "b1")], "bolt")
    assert acme == 'key,label,local_id:acme\nk1,k1,a1\nk2,"Two, or so",a2\n'
    assert join_listings([("a.csv", acme), ("b.csv", bolt)]) == (
        'key,label,local_id:acme,local_id:bolt\nk1,One,a1,b1\nk2,"Two, or so",a2,b2\n'
    )


def test_a_party_is_in_one_file_alone() -> None:
    """Else one of its columns would be lost without a word."""
    text = "key,label,local_id:acme\na,A,1\n"
    with pytest.raises(CatalogueError, match=r"b\.csv has a column for acme, and so has a\.csv"):
        join_listings([("a.csv", text), ("b.csv", text)])
    with pytest.raises(CatalogueError, match=r"b\.csv line 1"):
        join_listings([("a.csv", text), ("b.csv", "key,label\n")])


@given(catalogues())
def test_a_catalogue_taken_apart_by_party_joins_again(catalogue: Catalogue) -> None:
    """Same labels, same columns; parties without items have no file."""
    files = [
        (
            party,
            render_listing(
                [
                    ListedItem(key, catalogue.labels[key].strip() or key, local)
                    for key, local in column.items()
                ],
                party,
            ),
        )
        for party, column in catalogue.columns.items()
        if column
    ]
    joined = parse_catalogue(join_listings(files), version=1, where="joined", least_parties=1)
    assert joined.columns == {party: column for party, column in catalogue.columns.items() if column}
    assert joined.labels == {key: label.strip() or key for key, label in catalogue.labels.items()}
