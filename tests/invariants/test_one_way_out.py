"""Invariants 5 and 7: one gate, one channel, and no bytes that run as code."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

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
CLIENT = "feddmf_party.client"
# Fetches public data sets from their publishers, for the demo; it has nothing private to send.
DOWNLOADS = "feddmf_party.datasets"
# Listens for nothing: asks the operating system for a port that is free, for the demo's coordinator.
PORTS = "feddmf_party.demo"

# Listens for the company's own programs; what it calls is held to below.
LISTENS = "feddmf_party.api.listening"

# Read the company's own tables from its own databases; what they send is the company's own query.
DATABASES = ("feddmf_party.data.alchemy", "feddmf_party.data.postgres")


def modules_that(calls: set[str], found: tuple[Source, ...]) -> set[str]:
    """Return the modules that call one of `calls`, by the last part of the name."""
    return {source.module for source in found if {call.split(".")[-1] for call in source.calls()} & calls}


def test_only_the_gate_clears_a_release() -> None:
    """A `Cleared` is made in feddmf_party.egress and nowhere else."""
    assert modules_that({"Cleared"}, EVERYTHING) == {"feddmf_party.egress"}


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
    allowed = (f"{CLIENT}.", f"{DOWNLOADS}.", f"{PORTS}.", LISTENS, *DATABASES)
    assert not {module for module in reaching if not module.startswith(allowed)}


def test_the_query_api_listens_and_dials_nobody() -> None:
    """Of the network it has a listening socket and TLS; it reaches neither the gate nor the client."""
    parts = sources("feddmf_party.api")
    assert LISTENS in {source.module for source in parts}
    assert not modules_that(DIALS, parts)
    assert {source.module for source in parts if source.imports_any(*NETWORK)} == {LISTENS}
    for source in parts:
        assert not source.imports_any("feddmf_party.egress", CLIENT, "feddmf.wire", "feddmf.payload")


def test_what_reads_databases_knows_nothing_that_could_be_sent() -> None:
    """No payload, no model, no gate: a table comes in through it, and nothing goes out."""
    readers = [source for source in PARTY if source.module in DATABASES]
    assert len(readers) == len(DATABASES)
    for source in readers:
        assert not source.imports_any(
            *("feddmf.payload", "feddmf.wire", "feddmf.members", "feddmf_party.egress", "feddmf_party.client")
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
    (client,) = (source for source in PARTY if source.module == f"{CLIENT}.federation")
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
