"""Answers of the API: the numbers of the command line, in JSON, CSV and Parquet; mistakes with a status."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from feddmf.cli.main import run
from feddmf_party import prediction
from feddmf_party.data.arrow import parquet
from feddmf_party.terms import Withdrawal, keep_until, keep_withdrawals
from feddmf_party.tokens import Role
from support.cli import Cli

if TYPE_CHECKING:
    from conftest import Api

PREDICTIONS = "/v1/predictions"
KEYS = ["pen", "cup", "gold=yes", "ink/blue"]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run commands in this process."""
    return Cli(capsys)


def named(keys: list[str]) -> list[str]:
    """Return the options of the command line that name attributes."""
    return [f"--attribute={key}" for key in keys]


def as_api(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows of the command line with the score under the API's name."""
    return [{"score" if key in {"probability", "score"} else key: each for key, each in row.items()}
            for row in rows]  # fmt: skip


@pytest.mark.parametrize("kept", ["r-1", "plain"])
def test_predictions_are_those_of_the_command_line(api: Api, cli: Cli, kept: str) -> None:
    """All users for several attributes of several owners: equal to the last bit, evidence included."""
    keys = KEYS if kept == "r-1" else ["pen", "cup"]
    told = cli.data("query", "predict", *named(keys), "--run", kept, "--anyway", "--folder", api.home.path)
    found = api.post(PREDICTIONS, {"attributes": keys, "run": kept, "anyway": True})
    assert found["predictions"] == as_api(told["predictions"])
    assert found["attributes"] == told["attributes"]
    assert (found["run"], found["score_kind"]) == (told["run"], told["score_kind"])
    assert len(found["predictions"]) == 4 * len(keys)


def test_named_users_come_once_in_the_order_asked(api: Api, cli: Cli) -> None:
    """Like --user, which may be repeated too."""
    users = ["dan", "ann", "dan"]
    found = api.post(PREDICTIONS, {"attributes": ["cup"], "users": users})
    told = cli.data(
        *("query", "predict", *named(["cup"]), "--folder", api.home.path),
        *(f"--user={user}" for user in users),
    )
    assert [row["user"] for row in found["predictions"]] == ["dan", "ann"]
    assert found["predictions"] == as_api(told["predictions"])


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_files_are_those_of_the_command_line(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """Streamed in several pieces, CSV is the same bytes, Parquet the same table with the same metadata."""
    monkeypatch.setattr(prediction, "_BLOCK_CELLS", 5)
    for number, (path, body, command) in enumerate([
        (PREDICTIONS, {"attributes": KEYS}, ["predict", *named(KEYS)]),
        ("/v1/audience", {"attribute": "pen", "size": 3}, ["audience", *named(["pen"]), "--size=3"]),
    ]):  # fmt: skip
        out = tmp_path / f"{number}.{form}"
        folder = str(api.home.path)
        assert run(["query", *command, "--anyway", "--folder", folder, "--out", str(out)]) == 0
        content = api.file(path, {**body, "anyway": True, "format": form})
        if form == "csv":
            assert content == out.read_bytes()
        else:
            (tmp_path / "api.parquet").write_bytes(content)
            mine, theirs = (parquet.read_table(each) for each in (tmp_path / "api.parquet", out))
            assert mine.to_pylist() == theirs.to_pylist()
            assert mine.schema.metadata == theirs.schema.metadata


@pytest.mark.parametrize(
    ("cut", "options"),
    [({}, []), ({"size": 2}, ["--size=2"]), ({"above": 0.4}, ["--above=0.4"]),
     ({"threshold": True}, ["--threshold"])],
)  # fmt: skip
def test_an_audience_is_that_of_the_command_line(
    api: Api, cli: Cli, cut: dict[str, Any], options: list[str]
) -> None:
    """However the ranking is cut, with what to expect of it."""
    told = cli.data("query", "audience", *named(["pen"]), *options, "--folder", api.home.path)
    found = api.post("/v1/audience", {"attribute": "pen", **cut})
    assert [{key: row[key] for key in each} for row, each in
            zip(found["users"], as_api(told["users"]), strict=True)] == as_api(told["users"])  # fmt: skip
    assert found["users"]
    for name in ("attribute", "above", "expected", "run", "score_kind"):
        assert found[name] == told[name]


COMBINED = {"all": ["pen"], "any": ["cup", "ink/blue"], "none": ["gold=yes"]}
SAME = ["--attribute=pen", "--any=cup", "--any=ink/blue", "--not=gold=yes", "--anyway"]


@pytest.mark.parametrize(
    ("wanted", "options"),
    [({"attribute": "pen"}, ["--attribute=pen"]), ({"criteria": COMBINED, "anyway": True}, SAME)],
)
def test_audiences_and_previews_are_those_of_the_command_line(
    api: Api, cli: Cli, wanted: dict[str, Any], options: list[str]
) -> None:
    """Of one attribute and of several; the preview's own size has the figures of the audience."""
    command = ["query", "audience", *options, "--size=2", "--folder", api.home.path]
    found = api.post("/v1/audience", {**wanted, "size": 2})
    told = cli.data(*command)
    assert [row["user"] for row in found["users"]] == [row["user"] for row in told["users"]]
    for name in ("attribute", "attributes", "criteria", "above", "expected"):
        assert found[name] == told[name]
    seen = api.post("/v1/audience/preview", {**wanted, "size": 2})
    assert seen == cli.data(*command, "--preview")
    assert (seen["users"], seen["size"], seen["expected"]) == (4, 2, found["expected"])
    assert not any(name in str(seen) for name in ("ann", "bob", "cat", "dan"))


def test_an_audience_of_several_attributes_is_a_file_too(api: Api, cli: Cli, tmp_path: Path) -> None:
    """With the criteria in the place of a key, as the command line writes it."""
    found = api.file("/v1/audience", {"criteria": COMBINED, "anyway": True, "format": "csv"})
    cli.text("query", "audience", *SAME, "--folder", api.home.path, "--out", tmp_path / "x.csv")
    assert found == (tmp_path / "x.csv").read_bytes()
    assert b",pen and (cup or ink/blue) and not gold=yes," in found


@pytest.mark.parametrize(
    ("status", "wanted", "text"),
    [
        (422, {}, "give an attribute, or criteria"),
        (422, {"attribute": "pen", "criteria": COMBINED}, "give an attribute, or criteria"),
        (400, {"criteria": {"none": ["pen"]}}, "needs an attribute"),
        (400, {"criteria": {"all": ["pen", "pen"]}}, "named twice"),
        (422, {"criteria": {"all": [f"k{n}" for n in range(21)]}}, "body.criteria.all"),
        (
            400,
            {"criteria": COMBINED, "anyway": True, "threshold": True},
            "no threshold was chosen for pen and",
        ),
    ],
)
@pytest.mark.parametrize("path", ["/v1/audience", "/v1/audience/preview"])
def test_what_is_wanted_is_said_once_and_whole(
    api: Api, path: str, status: int, wanted: dict[str, Any], text: str
) -> None:
    """Mistakes of either route, with what they are."""
    assert text in api.fails(status, "POST", path, json=wanted)["error"]


def test_best_attributes_are_those_of_a_bulk_ranking(api: Api, tmp_path: Path) -> None:
    """Of named users, in the order asked, as `query bulk --by user` finds them."""
    out = tmp_path / "all.parquet"
    command = ["query", "bulk", "--by=user", "--top=2", "--out", str(out), "--anyway"]
    assert run([*command, "--folder", str(api.home.path)]) == 0
    rows = parquet.read_table(out).to_pylist()
    expected = [row for user in ("dan", "bob") for row in rows if row["user"] == user]
    found = api.post("/v1/top-attributes", {"users": ["dan", "bob"], "top": 2, "anyway": True})["rows"]
    assert [row["rank"] for row in found] == [1, 2, 1, 2]
    names = ("user", "attribute", "owner", "above_threshold", "verdict")
    assert [[row[name] for name in names] for row in found] == [
        [row[name] for name in names] for row in expected
    ]
    assert [row["score"] for row in found] == [row["probability"] for row in expected]


def test_best_attributes_can_be_chosen_among_some(api: Api) -> None:
    """Only the keys that are named compete."""
    found = api.post("/v1/top-attributes", {"users": ["ann"], "attributes": ["cup"], "top": 5})
    assert [(row["attribute"], row["rank"]) for row in found["rows"]] == [("cup", 1)]


def test_attributes_are_listed_with_what_stands_behind_them(api: Api, cli: Cli) -> None:
    """The keys of `attributes list`, the evidence of `query predict`; searched, and page by page."""
    listed = cli.data("attributes", "list", "--folder", api.home.path)["attributes"]
    told = cli.data("query", "predict", *named(KEYS), "--anyway", "--folder", api.home.path)["attributes"]
    found = api.get("/v1/attributes")
    assert [each["key"] for each in found["attributes"]] == [each["key"] for each in listed]
    assert {each.pop("until") for each in found["attributes"]} == {None}
    assert sorted(found["attributes"], key=str) == sorted(told, key=str)
    assert found["unavailable"] == []
    assert [each["key"] for each in api.get("/v1/attributes", search="INK")["attributes"]] == ["ink/blue"]
    page = api.get("/v1/attributes", offset=1, limit=2)
    assert (page["total"], [each["key"] for each in page["attributes"]]) == (
        4,
        [each["key"] for each in found["attributes"][1:3]],
    )
    assert {each["key"] for each in api.get("/v1/attributes", owner="cargo")["attributes"]} == {
        "pen",
        "ink/blue",
    }


def test_what_ends_or_was_taken_back_is_listed_as_such(api: Api, cli: Cli) -> None:
    """As `attributes list` has it: until when, and what nobody may ask for any more."""
    run = api.home.runs / "r-1"
    keep_until(run, {"bolt": 4_000_000_000_000, "cargo": 0})
    keep_withdrawals(run, [Withdrawal(1_700_000_000_000, "r-1", "cargo", ("ink/blue",), "a mistake")])
    found = api.get("/v1/attributes")
    assert {each["key"]: (each["until"] or "")[:10] for each in found["attributes"]} == {
        "cup": "2096-10-02",
        "gold=yes": "2096-10-02",
        "pen": "2096-10-02",
    }
    told = cli.data("attributes", "list", "--folder", api.home.path)["unavailable"]
    assert found["unavailable"] == told
    assert [each["key"] for each in told] == ["ink/blue"]
    assert api.get("/v1/attributes", owner="bolt")["unavailable"] == []


def test_quality_is_that_of_the_report(api: Api, cli: Cli) -> None:
    """Peer by peer, figures, groups and user attributes."""
    told = cli.data("quality", "report", "--folder", api.home.path)
    assert api.get("/v1/quality") == told
    assert [each["peer"] for each in api.get("/v1/quality", peer="cargo")["peers"]] == ["cargo"]


def test_runs_are_listed_last_first(api: Api) -> None:
    """With their protocol, for every role."""
    for role in Role:
        found = api.get("/v1/runs", role)["runs"]
        assert [(each["run"], each["protocol"]) for each in found] == [("r-1", "feddmf"), ("plain", "feddmf")]


def test_status_health_and_policy_are_for_engineers(api: Api, cli: Cli) -> None:
    """The status is that of the command; the policy is the file as it stands."""
    engineer = Role.ENGINEER
    status = api.get("/v1/status", engineer)
    assert status == cli.data("party", "status", "--folder", api.home.path)
    assert api.get("/v1/health", engineer)["problems"] == len(status["problems"])
    api.home.policy_file.write_text("max_rounds = 7\n[queries]\nper_minute = 50\n")
    policy = api.get("/v1/policy", engineer)
    assert (policy["max_rounds"], policy["queries"]["per_minute"]) == (7, 50)


@pytest.mark.parametrize(
    ("status", "path", "body", "kind", "error"),
    [
        (404, PREDICTIONS, {"attributes": ["pan"]}, "CatalogueError", "no peer published an attribute 'pan'"),
        (404, PREDICTIONS, {"attributes": ["pen"], "run": "r-9"}, "InputError", "no finished run 'r-9'"),
        (404, PREDICTIONS, {"attributes": ["pen"], "run": "../acme"}, "InputError", "no finished run"),
        (404, PREDICTIONS, {"attributes": ["own-0"]}, "CatalogueError", "this party's own item"),
        (422, PREDICTIONS, {"attributes": ["pen"], "users": ["eve"]}, "DataError", "user 'eve' was not in"),
        (422, PREDICTIONS, {"attributes": ["pen"], "users": []}, "InputError", "body.users"),
        (422, PREDICTIONS, {"attributes": []}, "InputError", "body.attributes"),
        (422, PREDICTIONS, {"attributes": ["pen"], "user": "ann"}, "InputError", "body.user: "),
        (422, PREDICTIONS, {"attributes": ["pen"], "format": "xls"}, "InputError", "body.format"),
        (422, "/v1/audience", {"attribute": "pen", "size": 1, "above": 0.5}, "InputError", "each cut the"),
        (422, "/v1/audience", {"attribute": "pen", "above": 2}, "InputError", "body.above"),
        (400, "/v1/audience", {"attribute": "gold=yes", "threshold": True}, "InputError", "no threshold was"),
        (422, "/v1/top-attributes", {"users": ["eve"]}, "DataError", "user 'eve'"),
    ],
)  # fmt: skip
def test_mistakes_are_named(  # noqa: PLR0917
    api: Api, status: int, path: str, body: dict[str, Any], kind: str, error: str
) -> None:
    """With what is wrong, what to do, and the kind of error that the command line would end with."""
    told = api.fails(status, "POST", path, json=body)
    assert error in told["error"]
    assert (told["kind"], told["exit_code"]) == (kind, 4)


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/v1/v2", 404), ("GET", PREDICTIONS, 405)])
def test_what_is_not_there_is_said_in_the_one_form(api: Api, method: str, path: str, status: int) -> None:
    """Unknown paths and methods are errors like any other."""
    api.fails(status, method, path)


def test_what_evidence_speaks_against_needs_a_word(api: Api) -> None:
    """The hint names the field of the API, and with it there is an answer."""
    (api.home.runs / "r-1").rename(api.home.runs / "r-0")
    from support.finished import hidden_cells, history_run

    history_run(
        api.home.runs / "r-1", {"ann": 1.0}, {"bolt": {"pen": 1.0}}, {"bolt": hidden_cells(60, 40, skill=0.0)}
    )
    told = api.fails(400, "POST", PREDICTIONS, json={"attributes": ["pen"]})
    assert "does not answer for 'pen'" in told["error"]
    assert '"anyway"' in told["hint"]
    assert "--" not in told["hint"]
    api.post(PREDICTIONS, {"attributes": ["pen"], "anyway": True})
    assert api.post("/v1/top-attributes", {"users": ["ann"], "anyway": True})["left_out"] == []


def test_large_answers_are_files(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """JSON holds so many rows; the policy bounds all of them, files too, and is read anew each time."""
    monkeypatch.setattr("feddmf_party.api.analysts._MOST_JSON", 7)
    body = {"attributes": ["pen", "cup"]}
    told = api.fails(400, "POST", PREDICTIONS, json=body)
    assert '"format"' in told["hint"]
    assert api.file(PREDICTIONS, {**body, "format": "csv"}).count(b"\n") == 9
    api.home.policy_file.write_text("[queries]\nmax_rows = 7\n")
    told = api.fails(403, "POST", PREDICTIONS, json={**body, "format": "csv"})
    assert (told["kind"], "8 rows are more than the 7" in told["error"]) == ("PolicyError", True)
    assert [record["refused"] for record in api.queries()] == ["InputError", None, "PolicyError"]


def test_every_question_is_written_down_before_it_is_answered(api: Api) -> None:
    """Who, what, of how many users, how many rows; no user id, no token, no text but known keys."""
    api.post(PREDICTIONS, {"attributes": ["pen", "cup"], "users": ["ann", "bob"]})
    api.file(PREDICTIONS, {"attributes": ["pen"], "format": "parquet"})
    api.post("/v1/audience", {"attribute": "pen", "above": 0.999999})
    api.post("/v1/top-attributes", {"users": ["cat"], "top": 2})
    api.fails(404, "POST", PREDICTIONS, json={"attributes": ["ann"]})
    api.fails(422, "POST", PREDICTIONS, json={"attributes": ["pen"], "users": ["zoe"]})
    told = [
        (each["who"], each["question"], each["run"], each["attributes"], each["users"], each["rows"],
         each["refused"])
        for each in api.queries()
    ]  # fmt: skip
    assert told == [
        ("analyst", "predictions", "r-1", ["pen", "cup"], 2, 4, None),
        ("analyst", "predictions", "r-1", ["pen"], 4, 4, None),
        ("analyst", "audience", "r-1", ["pen"], 4, 0, None),
        ("analyst", "top attributes", "r-1", ["pen", "cup", "gold=yes", "ink/blue"], 1, 2, None),
        ("analyst", "predictions", "r-1", [], 0, 0, "CatalogueError"),
        ("analyst", "predictions", "r-1", ["pen"], 1, 1, "DataError"),
    ]
    text = api.home.query_log.read_text()
    assert not [secret for secret in (*api.tokens.values(), "ann", "zoe", "cat") if f'"{secret}"' in text]
    assert api.home.query_log.stat().st_mode & 0o777 == 0o600
    page = api.get("/v1/queries", Role.AUDITOR, after=3)
    assert (page["intact"], page["total"], [each["number"] for each in page["records"]]) == (True, 6, [4, 5])


def test_what_is_refused_before_it_is_a_question_is_written_down_too(api: Api) -> None:
    """Lists, bodies that do not fit, what is not there, a closed API; of very many only the first."""
    api.get("/v1/attributes", search="in", limit=1)
    api.fails(422, "POST", PREDICTIONS, json={"attributes": [], "users": ["zoe"]})
    api.fails(404, "GET", "/v1/zoe")
    api.fails(413, "POST", PREDICTIONS, content=b" " * ((4 << 20) + 1))
    api.home.policy_file.write_text("[queries]\nper_minute = 1\n")
    api.get("/v1/runs")
    api.fails(429, "GET", "/v1/runs")
    told = [(each["question"], each["rows"], each["refused"]) for each in api.queries()]
    assert told == [
        ("attributes", 1, None),
        ("predictions", 0, "InputError"),
        ("nothing known", 0, "InputError"),
        ("not read", 0, "InputError"),
        ("not read", 0, "TimedOut"),
    ]
    assert "zoe" not in api.home.query_log.read_text()
    for _ in range(80):
        api.fails(429, "GET", "/v1/runs")
    assert 60 <= len(api.queries()) <= 63


def test_no_answer_leaves_that_cannot_be_written_down(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk stops the answers, not the log."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("feddmf_party.query_log.os.fsync", full)
    told = api.fails(503, "POST", PREDICTIONS, json={"attributes": ["pen"]})
    assert (told["kind"], told["exit_code"]) == ("LocalResourceError", 6)
    assert api.queries() == []


def test_a_broken_ledger_or_log_is_shown_as_such(api: Api) -> None:
    """The auditor is told what does not fit."""
    assert api.get("/v1/ledger", Role.AUDITOR)["intact"] is True
    api.home.ledger.write_text('{"number": 0}\n')
    api.home.query_log.write_text("{}\n")
    for path in ("/v1/ledger", "/v1/queries"):
        found = api.get(path, Role.AUDITOR)
        assert (found["intact"], found["records"]) == (False, [])
        assert found["problem"]


def test_a_damaged_run_is_no_fault_of_the_caller(api: Api) -> None:
    """Its status says that the server's side is at fault."""
    (api.home.runs / "r-1" / "model.safetensors").write_bytes(b"cut")
    told = api.fails(500, "POST", PREDICTIONS, json={"attributes": ["pen"]})
    assert "model.safetensors" in told["error"]


def test_a_run_is_loaded_once_and_few_are_held(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it is kept again; of several runs the last asked stay."""
    assert api.desk.loaded(None) is api.desk.loaded("r-1")
    first = api.desk.loaded("plain")
    summary = api.home.runs / "plain" / "run.json"
    summary.write_text(summary.read_text() + "\n")
    assert api.desk.loaded("plain") is not first
    assert len(api.desk._runs) == 2


def test_many_ask_at_once(api: Api) -> None:
    """Concurrent questions to one run get the answers that they would get one after the other."""
    bodies = [{"attributes": [key], "users": [user]} for key in KEYS for user in ("ann", "dan")] * 3
    alone = [api.post(PREDICTIONS, body) for body in bodies]

    async def together() -> list[httpx.Response]:
        headers = {"Authorization": f"Bearer {api.tokens[Role.ANALYST]}"}
        transport = httpx.ASGITransport(app=api.gate)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            sent = (client.post(PREDICTIONS, json=body, headers=headers) for body in bodies)
            return await asyncio.gather(*sent)

    assert [response.json() for response in asyncio.run(together())] == alone


def test_who_comes_when_all_places_are_taken_is_told_to_wait(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And an answer that takes too long is given up."""
    go_on = threading.Event()
    monkeypatch.setattr(api.desk, "_answer_s", 0.05)
    monkeypatch.setattr(api.desk, "_places", threading.Semaphore(1))
    monkeypatch.setattr(api.desk, "loaded", lambda _: go_on.wait(20))
    told = api.fails(504, "POST", PREDICTIONS, json={"attributes": ["pen"]})
    assert told["kind"] == "TimedOut"
    response = api.send("POST", PREDICTIONS, token=api.tokens[Role.ANALYST], json={"attributes": ["pen"]})
    go_on.set()
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
