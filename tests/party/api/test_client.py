"""`feddmf.client` against a served API: the numbers of the command line, in frames of known columns."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from feddmf.client import Client, asking, columns, keeping, line
from feddmf.errors import (
    CatalogueError,
    ConnectError,
    DataError,
    FedDMFError,
    InputError,
    LocalResourceError,
    Misconduct,
    PolicyError,
    Refused,
    TimedOut,
)
from feddmf_party.tokens import Role
from support.cli import Cli

if TYPE_CHECKING:
    from conftest import Served

USERS = ["dan", "ann"]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run commands in this process."""
    return Cli(capsys)


@pytest.fixture(scope="module")
def client(served: Served) -> Iterator[Client]:
    """Return a client of the served API, as an analyst."""
    with Client(served.url, served.tokens[Role.ANALYST]) as made:
        yield made


@pytest.fixture
def told(served: Served, cli: Cli) -> Callable[..., dict[str, Any]]:
    """Return what asks the command line about the same folder."""
    return lambda *words: cli.data(*words, "--folder", served.home.path)


def plain(found: pd.DataFrame, *names: str) -> list[dict[str, Any]]:
    """Return rows as JSON has them, None for what is missing; of all columns, or those named."""
    part = found[list(names)] if names else found
    return [
        {name: None if _missing(each) else each for name, each in row.items()}
        for row in part.astype("object").to_dict("records")
    ]


def _missing(each: Any) -> bool:
    return not isinstance(each, list) and bool(pd.isna(each))


def picked(rows: Sequence[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    """Return these columns of rows."""
    return [{name: row[name] for name in names} for row in rows]


def flat(expected: dict[str, Any]) -> list[float]:
    """Return all numbers of what is expected, nan for what there is none."""
    every = [each if isinstance(each, dict) else {"value": each} for each in expected.values()]
    return [float("nan") if number is None else number for each in every for number in each.values()]


def test_runs_and_attributes_are_those_of_the_api(
    client: Client, served: Served, monkeypatch: pytest.MonkeyPatch, told: Callable[..., dict[str, Any]]
) -> None:
    """Page by page; with what stands behind each; a search finds a part."""
    assert client.runs()["run"].tolist() == ["r-1", "plain"]
    assert client.runs()["finished_at"].dt.tz is not None
    monkeypatch.setattr(asking, "_PAGE", 2)
    found = client.attributes()
    assert found.columns.tolist() == list(columns.ATTRIBUTES)
    assert found["key"].tolist() == [each["key"] for each in told("attributes", "list")["attributes"]]
    assert found.attrs == {"run": "r-1", "unavailable": []}
    quality = {each["peer"]: each for each in told("quality", "report")["peers"]}
    pen = plain(found[found["key"] == "cup"])[0]
    evidence = quality["bolt"]["items"]
    assert (pen["roc_auc"], pen["roc_auc_lower"]) == (
        evidence["roc_auc"]["value"],
        evidence["roc_auc"]["lower"],
    )
    assert (pen["verdict"], pen["hidden_items"]) == (evidence["verdict"], evidence["hidden_items"])
    assert client.attributes("ink", owner="cargo")["key"].tolist() == ["ink/blue"]
    assert client.attributes("nothing").empty
    assert client.attributes("nothing").columns.tolist() == list(columns.ATTRIBUTES)


def test_predictions_are_those_of_the_command_line(
    client: Client, told: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last bit, by JSON and by a file; users in the order asked."""
    names = ("user", "attribute", "owner", "above_threshold")
    for keys in (["pen"], ["pen", "gold=yes"]):
        words = [f"--attribute={key}" for key in keys]
        every = told("query", "predict", *words)["predictions"]
        assert plain(client.predictions(keys), *names) == picked(every, *names)
        assert client.predictions(keys)["score"].tolist() == [row["probability"] for row in every]
    some = told("query", "predict", "--attribute=pen", "--user=dan", "--user=ann")["predictions"]
    by_json = client.predictions("pen", USERS)
    assert plain(by_json, *names) == picked(some, *names)
    assert by_json.attrs == {"run": "r-1", "score_kind": "probability"}
    monkeypatch.setattr(asking, "_MOST_JSON", 1)
    by_file = client.predictions("pen", USERS)
    pd.testing.assert_frame_equal(by_json, by_file, check_like=False)
    assert set(by_file["verdict"]) == {"use"}


def test_audiences_are_those_of_the_command_line(
    client: Client, told: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """However they are cut, of one attribute or several, by JSON and by a file."""
    several = ("--attribute=pen", "--any=gold=yes", "--not=cup")
    asked: list[tuple[dict[str, Any], tuple[str, ...]]] = [
        ({"attribute": "pen"}, ("--attribute=pen",)),
        ({"attribute": "pen", "size": 2}, ("--attribute=pen", "--size=2")),
        ({"attribute": "pen", "above": 0.6}, ("--attribute=pen", "--above=0.6")),
        ({"attribute": "pen", "threshold": True}, ("--attribute=pen", "--threshold")),
        ({"attribute": "pen", "any": ["gold=yes"], "none": ["cup"]}, several),
        ({"all": ["pen"], "any": ["gold=yes"], "none": ["cup"], "size": 3}, (*several, "--size=3")),
    ]
    for question, words in asked:
        there = told("query", "audience", *words)
        for most in (10_000, 1):
            monkeypatch.setattr(asking, "_MOST_JSON", most)
            here = client.audience(**question)
            assert here.columns.tolist() == list(columns.AUDIENCE)
            assert plain(here, "rank", "user") == picked(there["users"], "rank", "user")
            assert here["score"].tolist() == [row["probability"] for row in there["users"]]
            # A preview adds up more sizes on its way, in another order.
            assert flat(here.attrs["expected"]) == pytest.approx(
                flat(there["expected"]), rel=1e-8, nan_ok=True
            )
            assert here.attrs["run"] == there["run"]


def test_a_preview_is_that_of_the_command_line(client: Client, told: Callable[..., dict[str, Any]]) -> None:
    """The curve as a frame, all else beside it; its row for the size asked is what is expected."""
    there = told("query", "audience", "--attribute=pen", "--size=2", "--preview")
    here = client.preview("pen", size=2)
    assert here["size"].tolist() == [point["size"] for point in there["curve"]]
    for name in ("users", "size", "above", "expected", "popularity", "base_rate", "histogram"):
        assert here.attrs[name] == there[name], name
    (at,) = plain(here[here["size"] == 2])
    assert at["precision"] == there["expected"]["precision"]["value"]
    assert at["lift_upper"] == there["expected"]["lift"]["upper"]
    assert here.columns.tolist() == list(columns.CURVE)


def test_top_attributes_and_quality_are_those_of_the_party(
    client: Client, told: Callable[..., dict[str, Any]]
) -> None:
    """User by user; peer by peer, with its user attributes."""
    top = client.top_attributes(["cat", "bob"], 2)
    assert plain(top, "user", "rank")[2] == {"user": "bob", "rank": 1}
    assert top.attrs["left_out"] == []
    quality = client.quality()
    report = told("quality", "report")["peers"]
    bolt, gold, cargo = plain(quality)
    assert (bolt["peer"], bolt["key"], gold["key"], cargo["peer"]) == ("bolt", None, "gold=yes", "cargo")
    figures = report[0]["items"]["figures"]
    assert bolt["average_precision_upper"] == figures["average_precision"]["upper"]
    assert gold["roc_auc"] == report[0]["user_attributes"][0]["evidence"]["roc_auc"]["value"]
    assert client.quality("cargo")["peer"].tolist() == ["cargo"]


def test_reasons_and_changes_are_those_of_the_command_line(
    client: Client, told: Callable[..., dict[str, Any]]
) -> None:
    """Without items there is no reason, and it is said why."""
    why = client.why("ann", "pen")
    there = told("query", "why", "--user=ann", "--attribute=pen")
    assert (why.columns.tolist(), len(why)) == (list(columns.WHY), 0)
    for name in ("score", "items", "considered", "why_not", "score_without_supporting"):
        assert why.attrs[name] == there[name]
    changes = client.changes()
    assert changes.attrs == {"before": "plain", "after": "r-1", "same": 0}
    assert changes.loc[changes["what"] == "came", "key"].tolist() == ["gold=yes"]
    verdicts = plain(changes[changes["key"] == "cup"], "what", "verdict_before", "verdict_after")
    assert verdicts == [{"what": "changed", "verdict_before": "not measured", "verdict_after": "use"}]


class Ear:
    """Hears how far something is."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, int | None, str]] = []

    def show(self, done: int, total: int | None, what: str) -> None:
        """Hear it."""
        self.heard.append((done, total, what))


def test_an_audience_goes_to_a_file(
    client: Client, told: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    """Saved, listed, exported with progress, removed at the server, then forgotten."""
    saved = client.save_audience("pens", "pen", size=3)
    assert saved.columns.tolist() == list(columns.AUDIENCES)
    pd.testing.assert_frame_equal(client.audiences(), saved)
    (row,) = plain(saved)
    there = told("audiences", "show", "pens")
    assert (row["users"], row["described"], row["all"], row["size"]) == (3, "pen", ["pen"], 3)
    assert row["precision_lower"] == there["expected"]["precision"]["lower"]
    for form in ("csv", "parquet"):
        ear = Ear()
        out = client.export("pens", tmp_path / f"pens.{form}", progress=ear)
        size = out.stat().st_size
        assert (out, ear.heard[-1]) == (tmp_path / f"pens.{form}", (size, size, "bytes fetched"))
        told("audiences", "export", "pens", "--out", tmp_path / f"same.{form}")
        assert out.read_bytes() == (tmp_path / f"same.{form}").read_bytes()
    assert client.exports().empty
    client.export("pens", tmp_path / "kept.csv", keep=True)
    assert client.exports()["state"].tolist() == ["done"]
    assert client.exports().columns.tolist() == list(columns.EXPORTS)
    client.remove_audience("pens")
    assert client.exports().empty
    assert client.audiences().empty


def test_errors_are_those_of_the_party(client: Client, served: Served, tmp_path: Path) -> None:
    """Their kind, their words, their hint; nothing is left of a file that did not come."""
    with pytest.raises(CatalogueError, match="no peer published an attribute 'pan'") as caught:
        client.predictions("pan")
    assert caught.value.hint
    with pytest.raises(DataError, match="user 'zoe'"):
        client.why("zoe", "pen")
    with pytest.raises(InputError, match="no audience is saved as 'none'"):
        client.export("none", tmp_path / "a.csv")
    with pytest.raises(InputError, match="cannot tell the format"):
        client.export("none", tmp_path / "a.xls")
    with pytest.raises(CatalogueError):
        client.predictions("pan", users=None)
    with (
        Client(served.url, served.tokens[Role.AUDITOR]) as auditor,
        pytest.raises(PolicyError, match="auditor"),
    ):
        auditor.attributes()
    with Client(f"{served.url}/v1/", "nobody's") as stranger, pytest.raises(Refused):
        stranger.runs()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://192.0.2.1:8480", "would cross the network in the clear"),
        ("http://example.com", "would cross the network in the clear"),
        ("ftp://localhost", "is no address of a query API"),
        ("localhost:8480", "is no address of a query API"),
        ("http://localhost:port", "is no address"),
    ],
)
def test_an_address_is_held_against_what_it_should_be(url: str, message: str) -> None:
    """No token leaves this machine in the clear."""
    with pytest.raises(InputError, match=message):
        Client(url, "token")


@pytest.mark.parametrize("token", ["", " ", "two words", "line\nbreak", "\N{SNOWMAN}"])
def test_what_is_no_token_is_said_at_once(token: str) -> None:
    """And not repeated."""
    with pytest.raises(InputError, match="the token is empty, or holds characters") as caught:
        Client("http://localhost:8480", token)
    assert token.strip() not in caught.value.message or not token.strip()


def test_a_certificate_is_held_against_the_authority_that_is_named(tmp_path: Path) -> None:
    """A file that is none is said."""
    with pytest.raises(InputError, match="cannot use"):
        Client("https://localhost", "token", ca=tmp_path / "none.pem")
    (tmp_path / "bad.pem").write_text("nothing")
    with pytest.raises(InputError, match=r"cannot use .*bad\.pem"):
        Client("https://localhost", "token", ca=tmp_path / "bad.pem")


@contextmanager
def answering(*answers: tuple[int, str]) -> Iterator[tuple[str, list[str]]]:
    """Serve these answers, one a request; yield the address and the requests that came."""
    asked: list[str] = []
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append(f"{self.command} {self.path.partition('?')[0]}")
            status, body = left.pop(0)
            self.send_response(status)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        do_GET = do_POST = do_DELETE = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def problem(kind: str) -> str:
    """Return the body of an error."""
    return f'{{"error": "so it is", "hint": "do it", "kind": "{kind}", "exit_code": 4}}'


def test_only_what_reads_is_asked_again() -> None:
    """A busy server is asked three times for a list, and once for anything else."""
    busy = (503, problem("LocalResourceError"))
    with answering(busy, busy, (200, '{"runs": []}')) as (url, asked), Client(url, "t") as client:
        assert client.runs().empty
        assert asked == ["GET /v1/runs"] * 3
    with answering(busy, busy, busy) as (url, asked), Client(url, "t") as client:
        with pytest.raises(LocalResourceError, match="so it is"):
            client.runs()
        assert len(asked) == 3
    for ask in (
        lambda each: each.predictions("pen", ["ann"]),
        lambda each: each.save_audience("pens", "pen"),
        lambda each: each.remove_audience("pens"),
    ):
        with answering(busy) as (url, asked), Client(url, "t") as client:
            with pytest.raises(LocalResourceError):
                ask(client)
            assert len(asked) == 1


def test_a_server_that_is_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a list was asked for three times; after a question at once."""
    pauses: list[float] = []
    monkeypatch.setattr(line.time, "sleep", pauses.append)
    with answering() as (url, _):
        pass
    with Client(url, "t") as client:
        with pytest.raises(ConnectError, match="cannot reach http://127"):
            client.runs()
        assert pauses == [1.0, 1.0]
        with pytest.raises(ConnectError, match="cannot reach"):
            client.why("ann", "pen")
        assert len(pauses) == 2


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((404, problem("CatalogueError")), CatalogueError),
        ((500, problem("os.system")), FedDMFError),
        ((409, problem("Misconduct")), FedDMFError),
        ((404, "<html>"), ConnectError),
        ((200, "<html>"), ConnectError),
        ((302, ""), ConnectError),
    ],
)
def test_whatever_answers_becomes_an_error_of_ours(answer: tuple[int, str], kind: type[FedDMFError]) -> None:
    """Kinds that nobody knows are plain errors, and what is no query API is said to be none."""
    with answering(answer) as (url, _), Client(url, "t") as client:
        with pytest.raises(kind) as caught:
            client.runs()
        assert type(caught.value) is kind
        assert not isinstance(caught.value, Misconduct)
        assert caught.value.hint


def test_an_export_is_not_waited_for_forever(tmp_path: Path) -> None:
    """It is ended at the server then; one that failed says why."""
    export = (
        '{"id": "a", "state": "%s", "error": "a full disk", "hint": "free some", '
        '"progress": {"done": 1, "total": 2, "what": "rows written"}}'
    )
    running, failed = (200, export % "running"), (200, export % "failed")
    with answering(running, running) as (url, asked), Client(url, "t") as client:
        with pytest.raises(TimedOut, match="not done in 0 s"):
            client.export("pens", tmp_path / "a.csv", wait_s=0)
        assert asked == ["POST /v1/audiences/pens/exports", "DELETE /v1/exports/a"]
    ear = Ear()
    with answering(running, failed, failed) as (url, _), Client(url, "t") as client:
        with pytest.raises(LocalResourceError, match="came to nothing: a full disk"):
            client.export("pens", tmp_path / "a.csv", progress=ear)
        assert ear.heard == [(1, 2, "rows written")]
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_cannot_be_removed_hides_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a file that is whole, nor that somebody pressed Ctrl-C, at a server that is not there."""
    done = (200, '{"id": "a", "state": "done", "progress": null}')
    with answering(done, (200, "user"), (503, problem("LocalResourceError"))) as (url, asked):
        with Client(url, "t") as client:
            assert client.export("pens", tmp_path / "a.csv").read_text() == "user"
        assert asked[-1] == "DELETE /v1/exports/a"

    def pressed(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(keeping.time, "sleep", pressed)
    running = (200, '{"id": "a", "state": "running", "progress": null}')
    with (
        answering(running, (503, problem("LocalResourceError"))) as (url, _),
        Client(url, "t") as client,
        pytest.raises(KeyboardInterrupt),
    ):
        client.export("pens", tmp_path / "b.csv")
