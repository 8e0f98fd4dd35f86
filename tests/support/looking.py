"""Looking at a page as people do: what it draws, what it loads, how it is read aloud and walked by keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from support.consoles import Console

__all__ = ["THEMES", "WIDTHS", "barriers", "drawn", "overflowing", "shown", "signed_in", "visit", "walk"]

WIDTHS = {390: 844, 820: 1180, 1440: 900}
"""A phone, a tablet, a screen: width and height."""

THEMES = ("light", "dark")

# How long a page may take on a machine that does much else.
_PATIENCE_MS = 30_000
_FOCUS = """() => {
  const at = document.activeElement, style = getComputedStyle(at), box = at.getBoundingClientRect();
  const across = box.width > 0 && box.right > 0 && box.left < innerWidth;
  const along = box.height > 0 && box.bottom > 0 && box.top < innerHeight;
  return {
    what: at.outerHTML.slice(0, 120), body: at === document.body, seen: across && along,
    marked: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
    at: [...document.querySelectorAll("*")].indexOf(at),
  };
}"""
_WIDER = """() => {
  const width = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= width) return [];
  const wider = (each) => each.getBoundingClientRect().right > width + 1;
  return [...document.body.querySelectorAll("*")].filter(wider).map((each) => each.outerHTML.slice(0, 100));
}"""
_DRAWN = "() => [...document.querySelectorAll('[data-chart]')].every((each) => each.querySelector('svg'))"


@contextmanager
def signed_in(
    browser: Browser,
    console: Console,
    role: str | None,
    *,
    width: int = 1440,
    theme: str = "light",
    script: bool = True,
) -> Iterator[Page]:
    """Open a window in which the holder of the role's token has signed in; nobody has without a role."""
    with _window(browser, console, width, theme, script) as context:
        page = context.new_page()
        page.set_default_timeout(_PATIENCE_MS)
        if role is not None:
            known = f"cookies of {role}"
            if known not in console.kept:
                page.goto(f"{console.url}sign-in")
                page.get_by_label("Token").fill(console.tokens[role])
                page.get_by_role("button", name="Sign in").click()
                page.wait_for_url(lambda url: "sign-in" not in url)
                console.kept[known] = context.cookies()
            context.add_cookies(console.kept[known])  # type: ignore[arg-type]
        yield page


@contextmanager
def _window(
    browser: Browser, console: Console, width: int, theme: str, script: bool
) -> Iterator[BrowserContext]:
    """Open a window of its own; nothing but the console may be asked, and nothing may go wrong in it."""
    wrong: list[str] = []
    host = urlsplit(console.url).netloc
    context = browser.new_context(
        viewport={"width": width, "height": WIDTHS[width]},
        color_scheme=theme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        java_script_enabled=script,
        base_url=console.url,
    )

    def hear(message: ConsoleMessage) -> None:
        # A page, or a part of one, may be there to say what is wrong.
        told = message.text.startswith(("Failed to load resource", "Response Status Error"))
        if message.type in {"error", "warning"} and not told:
            wrong.append(f"{message.type}: {message.text}")

    def ask(request: Request) -> None:
        if urlsplit(request.url).netloc != host and not request.url.startswith(("data:", "blob:")):
            wrong.append(f"asks another host: {request.url}")

    context.on("console", hear)
    context.on("weberror", lambda error: wrong.append(f"error: {error.error}"))
    context.on("request", ask)
    try:
        yield context
    finally:
        context.close()
    assert wrong == [], "\n".join(wrong)


def visit(page: Page, path: str, status: int = 200) -> None:
    """Open a page of the console, which must come with `status`, and wait until all of it is drawn."""
    answer = page.goto(path)
    assert answer is not None
    assert answer.status == status, f"{path} comes with {answer.status}"
    drawn(page)


def drawn(page: Page) -> None:
    """Wait until nothing is loading and every chart is drawn."""
    page.wait_for_load_state("networkidle")
    page.wait_for_function(_DRAWN)


def shown(page: Page, width: int, theme: str) -> None:
    """Show the page in a window of that width, in that theme; charts are drawn anew by then."""
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": WIDTHS[width]})
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    drawn(page)


def overflowing(page: Page) -> list[str]:
    """Return what stands out at the right of the window, so that the whole page would scroll sideways."""
    return list(page.evaluate(_WIDER))


def barriers(page: Page, *, allowed: str = "") -> list[str]:
    """Return what axe-core finds serious or critical, by every rule but `allowed`."""
    # Otherwise it would fetch the sheets once more.
    options = {"resultTypes": ["violations"], "preload": False}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{each['id']} ({each['impact']}): {each['help']}: {node['html'][:160]} {node['failureSummary']}"
        for each in found
        if each["impact"] in {"serious", "critical"} and each["id"] != allowed
        for node in each["nodes"]
    ]


def walk(page: Page, most: int = 200) -> list[dict[str, object]]:
    """Return what the Tab key comes to, in order, until it leaves the page or `most` steps are done."""
    found: list[dict[str, object]] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        at = dict(page.evaluate(_FOCUS))
        if at["body"] or (found and at["at"] == found[0]["at"]):
            break
        found.append(at)
    return found
