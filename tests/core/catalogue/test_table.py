"""The operator's CSV: what it says is kept, and each mistake is named with its line and key."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given

from feddmf.catalogue.table import Catalogue, PairCoverage, parse_catalogue
from feddmf.errors import CatalogueError
from support.catalogues import catalogues

HEADER = "key,label,local_id:acme,local_id:bolt\n"
GOOD = HEADER + "lamp,Lamp,A1,B1\npen,,A2,\ncup,Cup,,B2\n"


def parse(text: str) -> Catalogue:
    """Parse `text` as version 3 of items.csv."""
    return parse_catalogue(text, version=3, where="items.csv")


def test_rows_become_columns_of_local_ids() -> None:
    """An empty cell means that the party does not sell the item; labels may be empty."""
    catalogue = parse(GOOD)
    assert catalogue.version == 3
    assert catalogue.labels == {"lamp": "Lamp", "pen": "", "cup": "Cup"}
    assert catalogue.columns == {"acme": {"lamp": "A1", "pen": "A2"}, "bolt": {"lamp": "B1", "cup": "B2"}}
    assert catalogue.parties == ("acme", "bolt")
    assert catalogue.sellers["lamp"] == ("acme", "bolt")


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD + "\n\n",
        GOOD.replace("lamp,Lamp", " lamp , Lamp "),
        GOOD.replace("Lamp", '"Lamp"'),
    ],
)
def test_spelling_of_the_file_does_not_matter(text: str) -> None:
    """A byte order mark, line ends, blank lines, spaces around cells and quotes change nothing."""
    assert parse(text) == parse(GOOD)


def test_cells_may_hold_commas_quotes_and_line_ends() -> None:
    """A quoted cell is taken as it is; a mistake behind it is still on the right line."""
    text = HEADER + 'lamp,"Lamp, ""big""\nand old",A1,B1\n'
    assert parse(text).labels == {"lamp": 'Lamp, "big"\nand old'}
    with pytest.raises(CatalogueError, match="line 4: key 'lamp' is there twice"):
        parse(text + "lamp,,A2,\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the columns are missing"),
        ("key,name,local_id:acme,local_id:bolt\n", "line 1: the columns are key, name,"),
        ("key,label,local_id:acme\n", "line 1: the columns are key, label, local_id:acme"),
        ("key,label,local_id:acme,bolt\n", "line 1: column 'bolt' names no party"),
        ("key,label,local_id:acme,local_id:Bolt\n", "line 1: column 'local_id:Bolt' names no party"),
        ("key,label,local_id:acme,local_id:../x\n", "line 1: column 'local_id:../x' names no party"),
        ("key,label,local_id:acme,local_id:bolt\\n\n", "names no party"),
        ("key,label,local_id:acme,local_id:acme\n", "line 1: two columns for acme"),
        (HEADER, "items.csv: no items"),
        (HEADER + "lamp,Lamp,A1\n", "line 2: 3 cells where the header has 4"),
        (HEADER + "lamp,Lamp,A1,B1,C1\n", "line 2: 5 cells where the header has 4"),
        (HEADER + " ,Lamp,A1,B1\n", "line 2: key '' is empty"),
        (HEADER + f"lamp,{'x' * 201},A1,\n", "line 2: key 'lamp' is empty, or a cell is over 200"),
        (HEADER + "lamp,,A1,\nlamp,,A2,\n", "line 3: key 'lamp' is there twice"),
        (HEADER + "lamp,,A1,\npen,,,B1\ncup,,A1,\n", "line 4: local id 'A1' of acme is also on line 2"),
        (HEADER + "lamp,Lamp,,\n", "line 2: no party sells 'lamp'"),
        (HEADER + 'lamp,"Lamp,A1,B1\n', "line 2: unexpected end of data"),
        (HEADER + 'lamp,"La"mp,A1,B1\n', "line 2: ',' expected after '\"'"),
    ],
)
def test_each_mistake_is_named(text: str, message: str) -> None:
    """A catalogue that cannot be used says where, by file, line and key."""
    with pytest.raises(CatalogueError) as caught:
        parse(text)
    assert message in caught.value.message
    assert caught.value.message.startswith("items.csv")
    assert caught.value.hint


def test_one_local_id_may_be_used_by_two_parties() -> None:
    """Local ids are a party's own: two parties may use the same."""
    assert parse(HEADER + "lamp,,1,\npen,,2,1\n").columns["bolt"] == {"pen": "1"}


@given(catalogues())
def test_a_catalogue_survives_its_csv(catalogue: Catalogue) -> None:
    """Whatever keys and labels hold, writing the CSV and parsing it gives the catalogue again."""
    box = io.StringIO(newline="")
    writer = csv.writer(box)
    writer.writerow(["key", "label", *(f"local_id:{party}" for party in catalogue.parties)])
    for key, label in catalogue.labels.items():
        writer.writerow([key, label, *(catalogue.columns[party].get(key, "") for party in catalogue.parties)])
    found = parse_catalogue(box.getvalue(), version=catalogue.version, where="items.csv")
    assert found.columns == catalogue.columns
    assert found.labels == {key: label.strip() for key, label in catalogue.labels.items()}


def test_coverage_counts_what_pairs_share() -> None:
    """Coverage has each pair of parties once, with the items in common and in all."""
    text = "key,label,local_id:c,local_id:a,local_id:b\n1,,1,1,1\n2,,2,2,\n3,,,3,\n"
    assert parse(text).coverage() == (
        PairCoverage("a", "b", 1, 3, 1),
        PairCoverage("a", "c", 2, 3, 2),
        PairCoverage("b", "c", 1, 1, 2),
    )


def test_a_party_without_a_column_has_no_view() -> None:
    """Who is not in the catalogue is told which column to publish."""
    with pytest.raises(CatalogueError, match="version 3 has no column for cargo") as caught:
        parse(GOOD).view("cargo")
    assert "local_id:cargo" in caught.value.hint
