"""Scores that the query API keeps: computed beforehand, and read by whoever asks."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from feddmf_party.questions import Questions, finished_run

if TYPE_CHECKING:
    from conftest import Api

SETTINGS = '[data]\npath = "interactions.csv"\n\n[scores]\n'


def test_scores_are_computed_beforehand(api: Api) -> None:
    """Of the run that finished last, as the settings say; answers are the same before and after."""
    before = api.post("/v1/audience/preview", {"attribute": "cup"})
    api.desk.fill_scores()
    run = finished_run(api.home.path, None)
    # One file an attribute, and one more for pen, which has two owners.
    while len(list(run.path.glob("scores/*/*.column"))) < 5:
        time.sleep(0.01)
    assert api.post("/v1/audience/preview", {"attribute": "cup"}) == before


@pytest.mark.parametrize(("setting", "files"), [("most_gb = 0", 0), ("fill = false", 1)])
def test_settings_say_what_is_kept(api: Api, setting: str, files: int) -> None:
    """Nothing at all, or what was asked for."""
    api.home.settings_file.write_text(SETTINGS + setting + "\n")
    api.desk.fill_scores()
    api.post("/v1/audience/preview", {"attribute": "cup"})
    run = finished_run(api.home.path, None)
    assert len(list(run.path.glob("scores/*/*.column"))) == files
    assert Questions(run).users == 4
