"""The catalogue's pages: what is covered, what would change, every mistake, and what is published."""

from __future__ import annotations

import re

import pytest

from feddmf.catalogue.uploads import read_upload
from feddmf_coordinator.cataloguing import drift_of, publish_upload
from feddmf_coordinator.server.identity import utc_now
from feddmf_coordinator.store.catalogues import find_catalogue, latest_version
from support.operator_console import HEADER, ROWS, Browser


def upload(text: str, name: str = "next.csv") -> dict[str, tuple[str, bytes, str]]:
    """Return a file as a form sends it."""
    return {"files": (name, text.encode(), "text/csv")}


def digest_in(page: str) -> str:
    """Return the digest that a preview would publish."""
    return re.findall(r'name="digest" value="([0-9a-f]{64})"', page)[0]


def newest(browser: Browser) -> int:
    """Return the number of the newest version."""
    with browser.office.database.read() as connection:
        return latest_version(connection)


def test_what_each_pair_has_in_common_is_shown(browser: Browser) -> None:
    """As a square, with all items of each party where it meets itself."""
    text = browser.page("/catalogue")
    assert "Version 1 published" in text
    assert "Items in common, by pair Party acme bolt acme 3 2 bolt 2 2" in text
    assert "Accepted by 2 of 2" in text
    assert browser.page("/catalogue/versions/1") != text
    assert "version 9 has not been published" in browser.page("/catalogue/versions/9", status=404)
    assert "one catalogue version only" in browser.page("/catalogue/versions/1/changes", status=404)


@pytest.mark.parametrize("number", [1 << 31, 1 << 64, -1])
def test_a_version_that_no_database_holds_is_refused(browser: Browser, number: int) -> None:
    """As what it is: a mistake in the address."""
    for path in (f"{number}", f"{number}/changes", f"1/changes?since={number}"):
        browser.page(f"/catalogue/versions/{path}", status=422)


def test_every_mistake_is_shown_by_row(browser: Browser) -> None:
    """What is wrong and what to do; nothing is published, and nothing could be."""
    page = browser.send(
        "POST", "/catalogue/preview", files=upload(HEADER + "a,A,1\nb,B,2,\nc,C,2,z\n<b>,,,\n")
    )
    text = browser.read(page, 422)
    assert "3 mistakes. Nothing was published." in text
    assert "next.csv 2 3 cells where the header has 4" in text
    assert "next.csv 4 local id '2' of acme is also on line 3" in text
    assert "no party sells '<b>'" in text
    assert 'name="digest"' not in page.text
    assert "1 mistake. Nothing" in browser.post(
        "/catalogue/preview", status=422, files=upload("", "empty.csv")
    )
    assert newest(browser) == 1


def test_a_preview_is_published_as_it_was_shown(browser: Browser) -> None:
    """The digest in the form is that of what is published; the log says who did it."""
    page = browser.send("POST", "/catalogue/preview", files=upload(HEADER + "a,Aa,1,x\nb,B,2,\nd,D,4,z\n"))
    text = browser.read(page)
    assert "1 matched items would be lost" in text
    assert "Matched items lost: 1" in text
    assert "As version 2, with 3 items of acme, bolt." in text
    assert newest(browser) == 1
    assert browser.post("/catalogue/publish", data={"digest": digest_in(page.text)}) == "/catalogue"
    assert browser.did()[-1] == ("operator", "catalog publish")
    with browser.office.database.read() as connection:
        assert find_catalogue(connection).digest() == digest_in(page.text)
        found = drift_of(connection)
    changes = browser.page("/catalogue/versions/2/changes")
    assert "What changes from version 1 to 2" in changes
    assert f"acme {found.parties[0].before} {found.parties[0].after} 1 1 0" in changes
    assert "acme did not accept this version" in browser.page("/catalogue")
    assert "acme did not accept this version" not in browser.page("/catalogue/versions/1")


def test_what_was_published_meanwhile_is_shown_anew(browser: Browser) -> None:
    """The preview was of changes against another version."""
    page = browser.send("POST", "/catalogue/preview", files=upload(HEADER + "a,A,1,x\n"))
    with browser.office.database.begin() as connection:
        other = read_upload([("other.csv", (HEADER + "e,E,5,w\n").encode())])
        publish_upload(connection, other, now=utc_now())
    text = browser.post("/catalogue/publish", status=422, data={"digest": digest_in(page.text)})
    assert "version 2 was published meanwhile" in text
    assert "What changes from version 2 to 3" in text
    assert newest(browser) == 2
    again = "this preview is not kept any more"
    assert again in browser.post("/catalogue/publish", status=400, data={"digest": "0" * 64})


def test_the_same_again_and_strangers_are_said(browser: Browser) -> None:
    """Nothing to publish; and a column for somebody whom nobody knows."""
    text = browser.post("/catalogue/preview", status=422, files=upload(HEADER + ROWS))
    assert "This is what version 1 says already." in text
    strange = HEADER.replace("bolt", "blot") + "a,A,1,x\n"
    assert "Nobody is enrolled or invited as blot." in browser.post(
        "/catalogue/preview", status=200, files=upload(strange)
    )


def test_files_of_several_parties_are_joined(browser: Browser) -> None:
    """As on the command line."""
    files = [
        ("files", (f"{party}.csv", f"key,label,local_id:{party}\na,A,{party}-1\n".encode(), "text/csv"))
        for party in ("acme", "bolt")
    ]
    assert "As version 2, with 1 items of acme, bolt." in browser.post(
        "/catalogue/preview", status=200, files=files
    )
