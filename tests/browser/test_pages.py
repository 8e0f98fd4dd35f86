"""Each page of both consoles on a phone, a tablet and a screen, light and dark, as a person and axe see it.

Pictures lie in out/screens: NAME-WIDTH-THEME.png.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import pytest
from playwright.sync_api import Browser, Page

from support.consoles import Console
from support.looking import THEMES, WIDTHS, barriers, drawn, overflowing, shown, signed_in, visit
from support.pages import ROOT

SCREENS = ROOT / "out" / "screens"
# Of the demo's catalogue: best sellers of the other company, and a customer of this one.
ITEM, OTHER, CUSTOMER = "85123A", "16046", "12347"
BUILT = f"/audiences/new?all={ITEM}&size=100"


@dataclass(frozen=True)
class Place:
    """A page: the console, who looks (nobody has signed in without), and what is done before one looks."""

    name: str
    console: str
    path: str
    role: str | None
    act: Callable[[Page], None] = drawn
    status: int = 200


def press(name: str) -> Callable[[Page], None]:
    """Press a button."""
    return lambda page: page.get_by_role("button", name=name, exact=True).first.click()


def open_all(page: Page) -> None:
    """Open all that is folded."""
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")


def ask_for_customer(page: Page) -> None:
    """Ask what a customer would want, and why the first of it."""
    page.get_by_label("Customer id").fill(CUSTOMER)
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_role("button", name="Why").first.click()
    page.locator("[id^=why-] *").first.wait_for()


def ask_for_nobody(page: Page) -> None:
    """Ask for a customer whom nobody knows."""
    page.get_by_label("Customer id").fill("nobody-of-ours")
    page.get_by_role("button", name="Show", exact=True).click()
    page.get_by_role("alert").wait_for()


def see_the_first(page: Page) -> None:
    """Look at the first customers of an audience."""
    page.get_by_role("button", name="Show the first customers").click()
    page.locator("#users table").wait_for()


def save_and_export(page: Page) -> None:
    """Save an audience, and write a file of it."""
    page.get_by_label("Save under a name").fill("screens-100")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Export 100 customers").click()
    page.get_by_role("link", name="Download").first.wait_for()


def upload(text: str) -> Callable[[Page], None]:
    """Look at what a catalogue would change."""

    def act(page: Page) -> None:
        file = {"name": "catalogue.csv", "mimeType": "text/csv", "buffer": text.encode()}
        page.locator("#files").set_input_files(files=[file])  # type: ignore[list-item]
        page.get_by_role("button", name="Look at what would change").click()
        page.wait_for_url("**/preview")

    return act


HEAD = "key,label,local_id:north,local_id:south\n"
GOOD = HEAD + "10002,A BALL,N-0863,S-2730\n10080,GROOVY CACTUS INFLATABLE,N-1014,\nnew,NEW THING,N-9,S-9\n"
WRONG = HEAD + ",NO KEY,N-1,S-1\n10002,ONE,N-2,S-2\n10002,TWO,N-2,S-3\n7,SEVEN,,\n8\n"

PLACES = (
    Place("sign-in", "party", "/sign-in", None),
    Place("overview", "party", "/", "analyst"),
    Place("changes", "party", "/changes", "analyst"),
    Place("attributes", "party", "/attributes", "analyst"),
    Place("attributes-searched", "party", "/attributes?search=parasol", "analyst"),
    Place("attributes-none", "party", "/attributes?search=unheard-of", "analyst"),
    Place("attribute", "party", f"/attributes/one?key={ITEM}", "analyst"),
    Place("builder-empty", "party", "/audiences/new", "analyst"),
    Place("builder-searching", "party", "/audiences/new?find=light", "analyst"),
    Place("builder", "party", BUILT, "analyst"),
    Place("builder-several", "party", f"{BUILT}&any=10125&none={OTHER}", "analyst", open_all),
    Place("builder-refused", "party", "/audiences/new?all=22423", "analyst"),
    Place("builder-probability", "party", f"/audiences/new?all={ITEM}&cut=percent", "analyst"),
    Place("builder-threshold", "party", f"/audiences/new?all={ITEM}&cut=threshold", "analyst"),
    Place("builder-users", "party", BUILT, "analyst", see_the_first),
    Place("audience", "party", BUILT, "analyst", save_and_export),
    Place("audiences", "party", "/audiences", "analyst"),
    Place("customer-empty", "party", "/customer", "analyst"),
    Place("customer", "party", "/customer", "analyst", ask_for_customer),
    Place("customer-unknown", "party", "/customer", "analyst", ask_for_nobody),
    Place("left", "party", "/left", "auditor"),
    Place("left-verified", "party", "/left", "auditor", press("Verify")),
    Place("asked", "party", "/asked", "auditor"),
    Place("status", "party", "/status", "engineer"),
    Place("not-found", "party", "/nothing-here", "analyst", status=404),
    Place("not-allowed", "party", "/left", "analyst", status=403),
    Place("overview", "party without a run", "/", "analyst"),
    Place("attributes", "party without a run", "/attributes", "analyst", status=404),
    Place("audiences", "party without a run", "/audiences", "analyst"),
    Place("sign-in", "operator", "/sign-in", None),
    Place("parties", "operator", "/", "operator"),
    Place("party", "operator", "/parties/north", "operator"),
    Place("catalogue", "operator", "/catalogue", "operator"),
    Place("catalogue-changes", "operator", "/catalogue/versions/2/changes", "operator"),
    Place("catalogue-preview", "operator", "/catalogue", "operator", upload(GOOD)),
    Place("catalogue-errors", "operator", "/catalogue", "operator", upload(WRONG)),
    Place("runs", "operator", "/runs", "operator"),
    Place("run-form", "operator", "/runs/new", "operator"),
    Place("run-form-open", "operator", "/runs/new", "operator", open_all),
    Place("run-finished", "operator", "/runs/two-retailers-1", "operator"),
    Place("run-declined", "operator", "/runs/two-retailers-2", "operator"),
    Place("run-waiting", "operator", "/runs/two-retailers-3", "operator"),
    Place("audit", "operator", "/audit", "operator"),
    Place("audit-ledger", "operator", "/audit/ledger", "operator"),
    Place("not-found", "operator", "/runs/none-7", "operator", status=400),
    Place("parties", "young operator", "/", "operator"),
    Place("catalogue", "young operator", "/catalogue", "operator"),
    Place("runs", "young operator", "/runs", "operator"),
    Place("run-form", "young operator", "/runs/new", "operator"),
    Place("audit", "young operator", "/audit", "operator"),
)


def picture(place: Place) -> str:
    """Return the name of a place's pictures."""
    return f"{place.console}-{place.name}".replace(" ", "-")


@pytest.mark.parametrize("place", PLACES, ids=picture)
def test_pages_are_whole_and_open_to_all(
    place: Place, browser: Browser, consoles: dict[str, Console]
) -> None:
    """Nothing sticks out, nothing fails, nothing comes from elsewhere, axe finds no serious barrier."""
    SCREENS.mkdir(parents=True, exist_ok=True)
    found: dict[tuple[int, str], list[str]] = {}
    with signed_in(browser, consoles[place.console], place.role) as page:
        visit(page, place.path, place.status)
        place.act(page)
        for width, theme in product(WIDTHS, THEMES):
            shown(page, width, theme)
            page.screenshot(path=SCREENS / f"{picture(place)}-{width}-{theme}.png", full_page=True)
            found[width, theme] = overflowing(page)
            # Both themes and both ends; what is between differs in nothing that axe looks at.
            if (width, theme) in {(390, "dark"), (1440, "light")}:
                found[width, theme] += barriers(page)
    assert {each: wrong for each, wrong in found.items() if wrong} == {}
