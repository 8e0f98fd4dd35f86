"""Runs' pages: a form that explains, curves while it goes on, who is waited for, how it ended."""

from __future__ import annotations

import re
import tomllib
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from feddmf.rounds import RoundRecord
from feddmf.runfile import RunSettings
from feddmf_coordinator.store.runs import (
    RunState,
    add_round,
    add_run,
    answer_run,
    find_run,
    is_asked_to_stop,
    list_runs,
    set_state,
)
from feddmf_coordinator.store.schedules import list_schedules
from feddmf_coordinator.store.sightings import Wait, put_wait
from support.operator_console import Browser

TYPED = {"name": "Spring run", "purpose": "who buys what", "parties": ["acme", "bolt"]}


def submitted(browser: Browser, **typed: str) -> str:
    """Submit a run from the form; return its id."""
    return browser.post("/runs/new", data={**TYPED, **typed, "do": "submit"}).removeprefix("/runs/")


def run_file(page: str) -> str:
    """Return the run file that a page shows."""
    return unescape(page.rpartition('id="file"')[2].partition("<code>")[2].partition("</code>")[0])


def timeless(text: str) -> str:
    """Return what a page says without how long somebody was waited for."""
    return re.sub(r"for \d+ s;", "for a while;", text)


def enter(browser: Browser, run: str, state: RunState, **end: str) -> None:
    """Move a run to a state."""
    with browser.office.database.begin() as connection:
        set_state(connection, run, state, now=datetime.now(UTC), **end)


def settings(browser: Browser, run: str) -> RunSettings:
    """Return what was submitted."""
    with browser.office.database.read() as connection:
        return find_run(connection, run).plan.settings


def test_the_form_explains_every_setting(browser: Browser) -> None:
    """Its default, its bounds and what it does; of another protocol, other sections."""
    page = browser.send("GET", "/runs/new")
    assert 'placeholder="0.01"' in page.text
    text = browser.read(page)
    assert "Step size of Adam; with tower history it falls to a twentieth. May be: above 0 to 1." in text
    assert "[alignment]" in text
    other = browser.send("GET", "/runs/new?protocol=fcf&recipe=paper").text
    assert "[fcf]" in other
    assert "[alignment]" not in other
    assert "no such protocol or recipe" in browser.page("/runs/new?protocol=magic", status=400)


def test_a_run_is_submitted_from_the_form(browser: Browser) -> None:
    """What was left empty stands at its default; the log says who did it."""
    run = submitted(browser, **{"training.epochs": "7", "alignment.beta": ""})
    assert run == "spring-run-1"
    expected = {**TYPED, "training": {"epochs": 7}}
    assert settings(browser, run) == RunSettings.model_validate(expected)
    assert browser.did()[-1] == ("operator", "run submit")
    page = browser.send("GET", f"/runs/{run}").text
    file = run_file(page)
    assert RunSettings.model_validate(tomllib.loads(file)) == settings(browser, run)
    again = browser.send("GET", f"/runs/new?like={run}").text
    assert 'value="Spring run"' in again
    assert 'value="7"' in again


def test_what_is_typed_is_checked_key_by_key(browser: Browser) -> None:
    """Each mistake stands at its setting, and what was typed stays; nothing is submitted."""
    typed = {
        "name": "x",
        "parties": ["acme"],
        "training.epochs": "0",
        "model.dropout": "half",
        "masks": "yes",
    }
    page = browser.send("POST", "/runs/new", data={**typed, "do": "submit"})
    text = browser.read(page, 422)
    for words in (
        "missing key What the predictions",
        "greater than or equal to 1",
        "should be a valid number",
    ):
        assert words in text
    assert 'value="half"' in page.text
    quorum = {**TYPED, "protocol": "fcf", "waits.quorum": "3", "do": "submit"}
    assert "waits.quorum = 3 of 2 parties" in browser.post("/runs/new", status=422, data=quorum)
    with browser.office.database.read() as connection:
        assert list_runs(connection) == ()


def test_the_form_is_shown_as_a_run_file(browser: Browser) -> None:
    """To be copied; nothing is submitted."""
    page = browser.send("POST", "/runs/new", data={**TYPED, "seed": "5", "do": "check"})
    file = run_file(page.text)
    assert tomllib.loads(file) == {**TYPED, "seed": 5}
    assert "It can be used as it is." in browser.read(page)
    with browser.office.database.read() as connection:
        assert list_runs(connection) == ()


def test_a_run_that_cannot_be_submitted_says_why(empty: Browser) -> None:
    """What was typed stays."""
    text = empty.post("/runs/new", status=422, data={**TYPED, "do": "submit"})
    assert "a catalogue has not been published" in text
    assert "feddmf catalog publish FILE.csv" in text
    assert ("operator", "run submit") not in empty.did()


def test_schedules_are_made_and_ended(browser: Browser) -> None:
    """Submitted again and again, until somebody ends it."""
    run = submitted(browser, every="7d")
    text = browser.page("/runs")
    assert "every-spring-run-1 by operator 1w" in text
    assert f"UTC 1 {run} " in text
    assert browser.post("/runs/unschedule", data={"schedule": "every-spring-run-1"}) == "/runs"
    with browser.office.database.read() as connection:
        assert list_schedules(connection) == ()
    wrong = browser.post("/runs/new", status=422, data={**TYPED, "every": "soon", "do": "submit"})
    assert "'soon' is no period" in wrong


def test_a_run_under_way_shows_its_curves_and_whom_it_waits_for(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The live part asks again by itself until the run has ended; numbers stand beside each chart."""
    monkeypatch.setattr(browser.office, "is_serving", lambda: True)
    run, now = submitted(browser), datetime.now(UTC)
    enter(browser, run, RunState.RUNNING)
    with browser.office.database.begin() as connection:
        for party in ("acme", "bolt"):
            answer_run(connection, run, party, accepted=True, reason="")
        for number in range(3):
            told = {"cosine": number / 4, "parties": {"acme": {"loss": 0.125}, "bolt": {"loss": 0.5}}}
            record = RoundRecord("align", number, bytes_up=2_048, bytes_down=1_024, diagnostics=told)
            add_round(connection, run, number, record, 0.5)
        put_wait(
            connection, Wait(run, "contribution to align 4 of 20", ("bolt",), now, now + timedelta(hours=1))
        )
    page = browser.send("GET", f"/runs/{run}")
    assert f'hx-get="/runs/{run}/live" hx-trigger="every 2s"' in page.text
    text = browser.read(page)
    assert "It waits for bolt: contribution to align 4 of 20" in text
    assert "bolt joined away never heard; ask bolt to look at its node" in text
    assert "acme joined its part is here" in text
    assert "ask bolt to look at its node" in text
    assert "Loss of acme" in text
    assert "align 3 0.50 0.500 0.125 0.500 2.0 KiB" in text
    assert "6.0 KiB 3.0 KiB sent to them" in text
    assert page.text.count("data-chart=") == 2
    assert timeless(browser.page(f"/runs/{run}/live")) in timeless(text)
    assert browser.post(f"/runs/{run}/stop") == f"/runs/{run}"
    with browser.office.database.read() as connection:
        assert is_asked_to_stop(connection, run)
    assert browser.did()[-1] == ("operator", "run stop")


def test_limits_are_those_of_now(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever they were when the console began."""
    monkeypatch.setattr(browser.office, "is_serving", lambda: True)
    run = submitted(browser)
    assert "begins within seconds" in browser.page(f"/runs/{run}")
    with browser.office.database.begin() as connection:
        settings = find_run(connection, run).plan.settings.model_copy(update={"parties": ("cone", "dell")})
        other = add_run(connection, settings, version=1, digest="d" * 64, now=datetime.now(UTC))
    enter(browser, other, RunState.RUNNING)
    path = browser.federation.folder.settings_file
    path.write_text(path.read_text().replace("#runs = 8", "runs = 1"))
    assert browser.federation.folder.load().limits.runs == 1
    assert "with 1 run under way" in browser.page(f"/runs/{run}")


def test_how_a_run_ended_is_told(browser: Browser) -> None:
    """A declined run names the party and its reason, a failed one what to do; neither can be stopped."""
    declined, failed = submitted(browser), submitted(browser)
    with browser.office.database.begin() as connection:
        answer_run(connection, declined, "bolt", accepted=False, reason="its policy allows no <fedavg>")
    enter(browser, declined, RunState.FAILED, reason="bolt declines the run", hint="settle it with bolt")
    enter(browser, failed, RunState.FAILED, reason="acme is missing", hint="look at the node of acme")
    text = browser.page(f"/runs/{declined}")
    assert "bolt declined it: its policy allows no <fedavg>" in text
    assert "To do: settle it with bolt" in text
    page = browser.send("GET", f"/runs/{failed}")
    assert "look at the node of acme" in browser.read(page)
    assert "hx-trigger" not in page.text
    assert browser.send("GET", f"/runs/{failed}/live").headers["hx-refresh"] == "true"
    assert "is failed already" in browser.post(f"/runs/{failed}/stop", status=400)
    assert "acme is missing" in browser.page("/runs")


def test_many_runs_are_listed_by_hundreds(browser: Browser) -> None:
    """The newest first; all of them on demand."""
    first = submitted(browser)
    with browser.office.database.begin() as connection:
        digest, plan = "d" * 64, find_run(connection, first).plan
        for _ in range(100):
            add_run(connection, plan.settings, version=1, digest=digest, now=datetime.now(UTC))
    text = browser.page("/runs")
    assert "spring-run-101" in text
    assert "spring-run-1 " not in text
    assert "spring-run-1 " in browser.page("/runs?every=true")
