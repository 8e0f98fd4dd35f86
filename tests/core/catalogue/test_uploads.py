"""What is uploaded: one CSV to publish, or every mistake with its file and line."""

from __future__ import annotations

import pytest

from feddmf.catalogue.uploads import MOST_MISTAKES, read_upload
from feddmf.errors import CatalogueError

HEADER = "key,label,local_id:acme,local_id:bolt\n"


def test_a_file_without_a_mistake_is_published_as_it_is() -> None:
    """Byte for byte but for the mark of its encoding."""
    upload = read_upload([("items.csv", ("\ufeff" + HEADER + "a,A,1,x\n").encode())])
    assert (upload.name, upload.text, upload.mistakes) == ("items.csv", HEADER + "a,A,1,x\n", ())
    upload.require_whole()


def test_every_mistake_is_named_with_its_line() -> None:
    """One row does not hide those behind it; a row may have several."""
    rows = ["a,A,1,x", "b,B", ",C,2,y", "a,A,3,z", "e,E,,", 'f,"F"x,4,w', "g,G,1,x", "h,H,5,v"]
    upload = read_upload([("items.csv", (HEADER + "\n".join(rows)).encode())])
    assert [(each.line, each.text.split(" ")[0]) for each in upload.mistakes] == [
        (3, "2"),
        (4, "key"),
        (5, "key"),
        (6, "no"),
        (7, "','"),
        (8, "local"),
        (8, "local"),
    ]
    assert (upload.text, upload.more) == ("", 0)
    with pytest.raises(CatalogueError, match=r"items\.csv line 3: 2 cells where") as caught:
        upload.require_whole()
    assert caught.value.hint == "quote cells that hold commas; 6 more mistakes: see all with --dry-run"


def test_mistakes_are_told_of_each_file() -> None:
    """Files of different parties are joined; each is looked at to its end, also where another is wrong."""
    files = [
        ("acme.csv", b"key,label,local_id:acme\na,A,1\nb,B,1\n"),
        ("bolt.csv", b"key,label,local_id:bolt\na,A,x\n,C,y\n"),
    ]
    found = [(each.where, each.line) for each in read_upload(files).mistakes]
    assert found == [("acme.csv", 3), ("bolt.csv", 3)]
    good = [(where, content.rsplit(b"\n", 2)[0] + b"\n") for where, content in files]
    assert read_upload(good).text == HEADER + "a,A,1,x\n"


def test_a_party_in_two_files_is_a_mistake_of_both() -> None:
    """Which of them counts nobody can know."""
    part = b"key,label,local_id:acme\na,A,1\n"
    (mistake,) = read_upload([("one.csv", part), ("two.csv", part)]).mistakes
    assert (mistake.line, mistake.text) == (None, "two.csv has a column for acme, and so has one.csv")


def test_another_encoding_is_named_with_its_line() -> None:
    """Where the first letter is that cannot be read."""
    (mistake,) = read_upload([("items.csv", HEADER.encode() + b"a,\xe9,1,x\n")]).mistakes
    assert (mistake.line, mistake.text) == (2, "it is not UTF-8 text")


def test_only_so_many_mistakes_are_named() -> None:
    """The others are counted."""
    upload = read_upload([("items.csv", (HEADER + "a\n" * (MOST_MISTAKES + 7)).encode())])
    assert (len(upload.mistakes), upload.more) == (MOST_MISTAKES, 7)
