"""Invariants 5 and 7: one gate, one channel, and no bytes that run as code."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest

from feddmf_coordinator.telemetry.metrics import METRICS as COORDINATOR_METRICS
from feddmf_party.telemetry.metrics import METRICS as PARTY_METRICS
from support.sources import Source, sources

PARTY = sources("feddmf_party")
EVERYTHING = (*sources("feddmf"), *PARTY, *sources("feddmf_coordinator"))
# What opens a connection, whatever it is written behind.
DIALS = {
    *("secure_channel", "insecure_channel", "open_connection", "create_connection", "socket", "urlopen"),
    *("build_opener", "HTTPConnection", "HTTPSConnection", "connect", "connect_ex", "sendto"),
}
NETWORK = (
    "grpc",
    "socket",
    "ssl",
    "http",
    "urllib.request",
    "ftplib",
    "smtplib",
    "requests",
    "httpx",
    "aiohttp",
)
# The one gate, the part of it for points of a matching, and what they make.
GATE = ("feddmf_party.egress", "feddmf_party.points_gate")
CLEARED = {"Cleared", "ClearedOffer", "ClearedPoints", "ClearedWithdrawal"}
CLIENT = "feddmf_party.client"
# Fetches public data sets from their publishers, for the demo; it has nothing private to send.
DOWNLOADS = "feddmf_party.datasets"
# Listens for nothing: asks the operating system for a port that is free, for the demo's coordinator.
PORTS = "feddmf_party.demo"

# Listens for the company's own programs and people; what it calls is held to below.
LISTENS = "feddmf.web.listening"
# Shows figures of either side to the company's own monitoring; what it may know is held to below.
SHOWS = "feddmf.telemetry"
# What opens a port, whatever stands behind it, and the modules that do.
LISTENING = {
    *("create_server", "start_server", "add_secure_port", "add_insecure_port", "bind"),
    *("start_http_server", "start_wsgi_server", "make_server", "HTTPServer", "TCPServer"),
}
LISTENERS = {
    LISTENS,
    f"{SHOWS}.listening",
    *("feddmf_coordinator.server.serve", "feddmf_coordinator.server.enrolment"),
    # Looks whether a port is free before gRPC takes it.
    "feddmf_coordinator.server.ports",
}
# Asks a party's query API, from whoever's notebook it is.
NOTEBOOKS = "feddmf.client"
# Sends spans to the company's own collector, where its environment names one.
TRACES = f"{SHOWS}.traces"

# Read the company's own tables from its own databases; what they send is the company's own query.
DATABASES = ("feddmf_party.data.alchemy", "feddmf_party.data.postgres")


def modules_that(calls: set[str], found: tuple[Source, ...]) -> set[str]:
    """Return the modules that call one of `calls`, by the last part of the name."""
    return {source.module for source in found if {call.split(".")[-1] for call in source.calls()} & calls}


def lines_of(function: ast.FunctionDef, calls: set[str]) -> list[int]:
    """Return the lines on which a function calls one of `calls`, by the last part of the name."""
    found = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    return [node.lineno for node in found if ast.unparse(node.func).split(".")[-1] in calls]


def test_only_the_gate_clears_a_release() -> None:
    """What may be handed to the socket is of four kinds, each made in one module of the gate's two."""
    classes = {
        node.name: source.module
        for source in EVERYTHING
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef) and node.name.startswith("Cleared")
    }
    assert classes == dict.fromkeys(CLEARED, "feddmf_party.egress")
    assert modules_that(CLEARED - {"ClearedPoints"}, EVERYTHING) == {"feddmf_party.egress"}
    assert modules_that({"ClearedPoints"}, EVERYTHING) == {"feddmf_party.points_gate"}


def test_the_gate_records_before_it_clears() -> None:
    """Whatever makes something cleared has appended to the ledger by then."""
    makers = [
        (source.module, node)
        for source in PARTY
        for node in ast.walk(source.tree)
        if isinstance(node, ast.FunctionDef) and lines_of(node, CLEARED)
    ]
    assert [(module, node.name) for module, node in makers] == [
        ("feddmf_party.egress", "clear_withdrawal"),
        ("feddmf_party.egress", "clear_offer"),
        ("feddmf_party.egress", "clear"),
        ("feddmf_party.points_gate", "clear"),
    ]
    for _, node in makers:
        assert min(lines_of(node, {"append"})) <= min(lines_of(node, CLEARED))


def test_only_the_client_opens_a_channel() -> None:
    """No module of the party but those of the client opens a channel to anywhere."""
    opened = modules_that({"secure_channel", "insecure_channel"}, PARTY)
    assert opened
    assert all(module.startswith(f"{CLIENT}.") for module in opened)


def test_nothing_else_of_the_party_reaches_the_network() -> None:
    """Besides the client, only public data sets, the demo's search for a port and tables in databases do."""
    reaching = {source.module for source in PARTY if source.imports_any(*NETWORK)} | modules_that(
        DIALS, PARTY
    )
    allowed = (f"{CLIENT}.", f"{DOWNLOADS}.", f"{PORTS}.", *DATABASES)
    assert not {module for module in reaching if not module.startswith(allowed)}


def test_api_and_consoles_listen_and_dial_nobody() -> None:
    """Of the network they have one listening socket and TLS; they reach neither the gate nor the client."""
    parts = [*sources("feddmf.web"), *sources("feddmf_party.api"), *sources("feddmf_party.console")]
    assert LISTENS in {source.module for source in parts}
    assert not modules_that(DIALS, tuple(parts))
    assert {source.module for source in parts if source.imports_any(*NETWORK)} == {LISTENS}
    for source in parts:
        assert not source.imports_any(*GATE, CLIENT, "feddmf.wire", "feddmf.payload")


def test_the_client_for_notebooks_belongs_to_neither_side() -> None:
    """No part of either side loads it, and it knows nothing of what they keep."""
    parts = sources(NOTEBOOKS)
    assert {source.module for source in parts if source.imports_any("httpx")} == {f"{NOTEBOOKS}.line"}
    using = {source.module for source in EVERYTHING if source.imports_any(NOTEBOOKS)}
    assert using <= {source.module for source in parts}
    known = ("feddmf.errors", "feddmf.files", "feddmf.progress", NOTEBOOKS)
    for source in parts:
        own = {name for name in source.imports() if f"{name}.".startswith("feddmf")}
        assert own == source.imports_any(*known)


def test_ports_are_opened_in_few_places() -> None:
    """The API and the figures of a party; the two ports and the figures of the coordinator; nobody else."""
    found = modules_that(LISTENING, EVERYTHING)
    assert (
        {LISTENS, f"{SHOWS}.listening"}
        <= found
        <= LISTENERS | {module for module in found if PORTS in module}
    )


def test_what_shows_figures_dials_nobody_and_knows_nothing_private() -> None:
    """Of the network it has a listening socket; figures reach it by name, number and few labels."""
    parts = sources(SHOWS)
    assert not modules_that(DIALS, parts)
    assert not [
        source.module for source in parts if source.imports_any("socket", "grpc", "urllib", "requests")
    ]
    for source in (*parts, *sources("feddmf_party.telemetry")):
        assert not source.imports_any(
            *("feddmf.payload", "feddmf.wire", "feddmf.interactions", "feddmf.members", "numpy"),
            *(*GATE, CLIENT, "feddmf_party.data", "feddmf_party.prediction"),
        )


def test_labels_of_figures_are_few_and_about_no_user_or_item() -> None:
    """Federation, party, run, protocol, phase and words of this code's own."""
    metrics = (*COORDINATOR_METRICS, *PARTY_METRICS)
    assert {label for metric in metrics for label in metric.labels} == {
        *("federation", "version", "party", "run", "protocol", "phase"),
        *("state", "reason", "method"),
    }


def test_traces_leave_in_one_place() -> None:
    """OpenTelemetry is known to one module, and loaded by it where somebody asks for traces alone."""
    using = {source.module for source in EVERYTHING if source.imports_any("opentelemetry")}
    assert using == {TRACES}
    code = f"import sys, {TRACES}; sys.exit('opentelemetry' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=dict(os.environ), check=False).returncode == 0


def test_what_reads_databases_knows_nothing_that_could_be_sent() -> None:
    """No payload, no model, no gate: a table comes in through it, and nothing goes out."""
    readers = [source for source in PARTY if source.module in DATABASES]
    assert len(readers) == len(DATABASES)
    for source in readers:
        assert not source.imports_any(
            *("feddmf.payload", "feddmf.wire", "feddmf.members", *GATE, "feddmf_party.client")
        )


def test_processes_of_a_party_talk_in_one_place() -> None:
    """What torchrun has started talks through feddmf.ranks alone, in arrays and JSON."""
    talking = {source.module for source in EVERYTHING if source.imports_any("torch.distributed")}
    assert talking == {"feddmf.ranks"}
    (ranks,) = (source for source in EVERYTHING if source.module == "feddmf.ranks")
    assert not {call for call in ranks.calls() if "object" in call}


def test_only_the_first_process_of_a_party_has_a_client() -> None:
    """What the others run does not even load gRPC."""
    code = "import sys, feddmf_party.beside; sys.exit('grpc' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=dict(os.environ), check=False).returncode == 0


def test_only_what_is_cleared_is_sent() -> None:
    """The client encodes payloads of `Cleared` and of nothing else."""
    (client,) = (source for source in PARTY if source.module == f"{CLIENT}.transfers")
    assert client.imports_any("feddmf_party.egress.Cleared")
    encoding = [source.module for source in PARTY if source.imports_any("feddmf.wire.codec.encode")]
    assert encoding == [client.module]


@pytest.mark.parametrize("source", EVERYTHING, ids=lambda source: source.module)
def test_no_bytes_are_run_as_code(source: Source) -> None:
    """No pickle and its like, no torch.load, no eval: files are safetensors, JSON, Parquet, TOML."""
    forbidden = (
        "pickle",
        "cPickle",
        "marshal",
        "shelve",
        "dill",
        "cloudpickle",
        "joblib",
        "jsonpickle",
        "runpy",
    )
    assert not source.imports_any(*forbidden)
    calls = set(source.calls())
    assert not calls & {
        "eval",
        "exec",
        "compile",
        "__import__",
        "torch.load",
        "torch.save",
        "np.load",
        "numpy.load",
    }
    assert not {call for call in calls if call.split(".")[-1] in {"read_pickle", "to_pickle", "unsafe_load"}}
    assert not source.imports_any("torch.load", "torch.save", "numpy.load")
