"""The page for two retailers, run on three terminals as it stands, and what asks folders that are left."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import nbformat
import pytest

from feddmf_party.datasets.location import find_folder
from feddmf_party.datasets.registry import DATASETS
from support.pages import PAGES, ROOT, blocks, run_page, run_script, shell_blocks
from support.terminals import run_terminals, titled_blocks

PAGE = ROOT / "examples" / "two_retailers" / "README.md"
NOTEBOOK_PAGE = ROOT / "examples" / "notebook" / "README.md"
# What they ask is answered by the folders that the page leaves.
ASKING = (
    ROOT / "docs" / "start" / "analyst.md",
    ROOT / "docs" / "concepts" / "evidence.md",
    ROOT / "docs" / "concepts" / "what_leaves.md",
)
NOTEBOOK = NOTEBOOK_PAGE.with_name("audiences.ipynb")


@pytest.mark.timeout(400)
@pytest.mark.skipif(find_folder(DATASETS["online-retail"]) is None, reason="no online-retail on this machine")
def test_three_people_who_follow_the_page_end_with_audiences_that_hold(tmp_path: Path) -> None:
    """Each company exports an audience; of 100 customers far more bought it than of 100 at random."""
    for page in (PAGE, NOTEBOOK_PAGE):
        shutil.copytree(page.parent, tmp_path / "examples" / page.parent.name)
    shown = run_terminals(PAGE, tmp_path, ("18490", "18491"), within_s=220)
    assert "run two-retailers-1 finished: 13 rounds" in shown["operator"]
    for company in ("north", "south"):
        found = re.search(
            r"^(\d+) of 100 bought (\w+), which (\d+) of all customers did$", shown[company], re.MULTILINE
        )
        assert found is not None, shown[company]
        assert int(found[1]) > 2 * 100 * int(found[3]) / 2168
    run_page(NOTEBOOK_PAGE, tmp_path, ("18492",), within_s=100)
    check_notebook(tmp_path / "out" / "two_retailers")
    asked = "\n".join(block for page in ASKING for block in shell_blocks(page))
    said = run_script(
        f'export PATH="$PWD/.venv/bin:$PATH"\ncd out/two_retailers\n{asked}', tmp_path, within_s=150
    )
    assert said.count("it holds") == 1


def check_notebook(folder: Path) -> None:
    """Every cell of code ran; the file that it fetched has the audience of its size."""
    cells = nbformat.read(folder / "audiences.ipynb", as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    kinds = [kind for cell in code for each in cell.outputs for kind in each.get("data", ())]
    assert kinds.count("text/html") >= 9
    assert kinds.count("image/png") == 1
    exported = (folder / "bird-ornament.csv").read_text(encoding="utf-8").splitlines()
    assert len(exported) == 1 + 200
    logged = (folder / "api.log").read_text(encoding="utf-8")
    assert "Traceback" not in logged


def test_the_notebook_is_kept_without_answers() -> None:
    """Nobody's customers are committed by accident."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    assert len(cells) >= 20
    assert all(
        not cell.outputs and cell.execution_count is None for cell in cells if cell.cell_type == "code"
    )


@pytest.mark.parametrize(
    "page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name
)
def test_python_on_pages_is_what_the_notebook_runs(page: Path) -> None:
    """Word for word a cell of it."""
    cells = {cell.source.strip() for cell in nbformat.read(NOTEBOOK, as_version=4).cells}
    assert {block.strip() for block in blocks(page, "python")} <= cells


def test_the_page_has_three_terminals_and_no_other_block() -> None:
    """What is not titled would be run by nobody."""
    titled = titled_blocks(PAGE)
    assert {name for name, _, _ in titled} == {"operator", "north", "south"}
    assert PAGE.read_text(encoding="utf-8").count("```sh") == len(titled)
