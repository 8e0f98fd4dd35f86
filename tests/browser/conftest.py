"""A browser, and both consoles as live processes on real data."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from feddmf_party.datasets.location import find_folder
from feddmf_party.datasets.registry import DATASETS
from support.consoles import Console, copy_of_demo, operator, party_console, told, with_history

# With this, what is missing is an error and no reason to skip.
REQUIRED = os.environ.get("FEDDMF_TEST_BROWSER") == "required"


def missing(what: str) -> None:
    """Skip for want of something; where browsers are required, fail."""
    if REQUIRED:
        pytest.fail(f"there is {what}, and FEDDMF_TEST_BROWSER says that it is required")
    pytest.skip(f"there is {what}")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demo's folders, for this process alone."""
    if "FEDDMF_TEST_DEMO" not in os.environ and find_folder(DATASETS["online-retail"]) is None:
        missing("no online-retail on this machine (FEDDMF_DATA_DIR)")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    return copy_of_demo(shared, tmp_path_factory.mktemp("consoles") / "demo")


@pytest.fixture(scope="session")
def consoles(demo: Path) -> Iterator[dict[str, Console]]:
    """The consoles of a party with a run and of its coordinator, and of both before anything has happened."""
    with_history(demo)
    shutil.rmtree(demo / "south" / "runs")
    told("coordinator", "init", "young", "--folder", str(demo / "young"))
    with (
        party_console(demo / "north") as north,
        party_console(demo / "south") as south,
        operator(demo / "coordinator") as coordinator,
        operator(demo / "young") as young,
    ):
        yield {"party": north, "party without a run": south, "operator": coordinator, "young operator": young}


# Of the module: beside its loop no test of another module could run one of its own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, without a window."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        missing("no chromium")
    # Root has no sandbox, as in a container; the pages are our own.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=found, args=arguments)
        yield opened
        opened.close()
