"""The page on MovieLens and the paper, run as it stands; its verdicts are those of the results."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from feddmf_party.datasets.location import find_folder
from feddmf_party.datasets.registry import DATASETS
from support.pages import ROOT, run_page

PAGE = ROOT / "examples" / "movielens" / "README.md"
RESULTS = (ROOT / "docs" / "RESULTS.md").read_text(encoding="utf-8")


def average_precision(table: str) -> dict[str, float]:
    """Return the third figure of each row, by its name."""
    rows = (line.split() for line in table.splitlines())
    return {row[0]: float(row[3]) for row in rows}


@pytest.mark.skipif(find_folder(DATASETS["ml-latest-small"]) is None, reason="no MovieLens on this machine")
def test_every_command_of_the_page_works(tmp_path: Path) -> None:
    """Both recipes beat chance by far, the default one the paper's, and the experiment writes its page."""
    shutil.copytree(PAGE.parent, tmp_path / "examples" / PAGE.parent.name)
    said = run_page(PAGE, tmp_path, (), within_s=220)
    first, second = re.findall(r"^ +ROC-AUC +by user +AP .*\n((?:\S.*\n)+)", said, re.MULTILINE)
    paper, default = (average_precision(each) for each in (first, second))
    assert default["feddmf"] > paper["feddmf"] > 5 * paper["random"]
    results = (tmp_path / "out" / "movielens" / "RESULTS.md").read_text(encoding="utf-8")
    assert "**The quick version:**" in results


@pytest.mark.parametrize(
    "verdict",
    [
        "best threshold is 0.968 ± 0.017 (m 0.0, beta 10.0, negatives 4, embedding 16): held",
        "the best ratio of F1 at .5 is 0.947 ± 0.023",
        "FedAvg and FedDMF come after it:* held",
        "With items split evenly the test F1 of both parties together is best.* Held",
        "More matched items help at first.* Held",
        "Beyond a threshold the F1 falls again.* Held",
        "The F1 of random predictions rises with the share of matched items.* Did not hold",
        "With users split evenly the test F1 of both parties together is best.* Held",
        "ratio 0.692 ± 0.023 of F1 at .5",
    ],
)
def test_verdicts_are_those_of_the_results(verdict: str) -> None:
    """What the page's table says of each claim stands in RESULTS.md, which is made from the rows."""
    assert verdict in RESULTS
