"""Invariants 1 to 3: who may import what. They hold for imports inside functions too."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from support.sources import Source, sources

EVERYTHING = (*sources("feddmf"), *sources("feddmf_party"), *sources("feddmf_coordinator"))
# The only places that know that there is a wire.
WIRE = ("feddmf.wire", "feddmf_party.client", "feddmf_coordinator.server")
# Modules that compute and do nothing else; those that do not exist yet are held to it once they do.
PURE = ("feddmf.alignment", "feddmf.als", "feddmf.evaluation", "feddmf.privacy", "feddmf.ledger")
PURE_MAY_IMPORT = (
    *(
        "__future__",
        "collections",
        "dataclasses",
        "enum",
        "functools",
        "hashlib",
        "itertools",
        "json",
        "math",
    ),
    *("types", "typing", "numpy", "feddmf.errors"),
    # Noise comes from the system's randomness, and its account from a vetted library.
    *("decimal", "secrets", "statistics", "scipy.linalg", "dp_accounting"),
    *("feddmf.interactions", "feddmf.kernels", "feddmf.leading", "feddmf.randomness", "feddmf.transfer"),
    *PURE,
)


def names(found: tuple[Source, ...]) -> set[str]:
    """Return the names of modules."""
    return {source.module for source in found}


def inside(source: Source, packages: tuple[str, ...]) -> bool:
    """Tell whether a module is one of `packages` or inside one."""
    return any(f"{source.module}.".startswith(f"{package}.") for package in packages)


def test_there_is_something_to_look_at() -> None:
    """The walk sees the modules that the rules are about."""
    assert {"feddmf.alignment", "feddmf.ledger", "feddmf_party.egress"} <= names(EVERYTHING)
    assert {"feddmf_coordinator.server.federation", "feddmf_party.client.federation"} <= names(EVERYTHING)
    assert len(EVERYTHING) > 80


@pytest.mark.parametrize("source", EVERYTHING, ids=lambda source: source.module)
def test_grpc_and_protobuf_stay_at_the_wire(source: Source) -> None:
    """gRPC and protobuf are imported in the wire, the party's client and the coordinator's server alone."""
    if not inside(source, WIRE):
        assert not source.imports_any("grpc", "google.protobuf", "grpc_status", "grpc_health")


@pytest.mark.parametrize("source", sources("feddmf"), ids=lambda source: source.module)
def test_core_knows_neither_side(source: Source) -> None:
    """What both sides share imports neither of them."""
    assert not source.imports_any("feddmf_party", "feddmf_coordinator")


@pytest.mark.parametrize("source", sources("feddmf_party"), ids=lambda source: source.module)
def test_a_party_has_no_coordinator_in_it(source: Source) -> None:
    """A party imports the coordinator nowhere; the demo starts it as a process."""
    assert not source.imports_any("feddmf_coordinator")


@pytest.mark.parametrize("source", sources("feddmf_coordinator"), ids=lambda source: source.module)
def test_the_coordinator_knows_no_private_side(source: Source) -> None:
    """The coordinator imports neither torch nor anything of a party, nor a member that would."""
    assert not source.imports_any("torch", "feddmf_party", "feddmf.model", "feddmf.training")
    assert not source.imports_any("feddmf.members.feddmf", "feddmf.members.registry")


def test_every_module_of_the_coordinator_loads_without_torch() -> None:
    """Where torch cannot be imported at all, every module of the coordinator still can."""
    code = """
import importlib, pkgutil, sys

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "feddmf_party", "pyarrow", "matplotlib"}:
            raise ImportError(f"{name} must not be imported")

sys.meta_path.insert(0, Forbidden())
import feddmf_coordinator
names = [found.name for found in pkgutil.walk_packages(feddmf_coordinator.__path__, "feddmf_coordinator.")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=dict(os.environ), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 15


@pytest.mark.parametrize(
    "source",
    [source for source in sources("feddmf") if inside(source, PURE)],
    ids=lambda source: source.module,
)
def test_pure_modules_do_no_io(source: Source) -> None:
    """Alignment, evaluation, ledger and their like import no file, socket or process, and open nothing."""
    assert source.imports() == source.imports_any(*PURE_MAY_IMPORT)
    forbidden = {"open", "print", "input", "exec", "eval", "__import__"}
    forbidden |= {"tofile", "fromfile", "save", "savez", "savetxt", "load", "loadtxt", "memmap"}
    assert not forbidden & {call.split(".")[-1] for call in source.calls()}


def test_pure_modules_are_there() -> None:
    """The pure modules that exist today are among those that are checked."""
    checked = {source.module for source in sources("feddmf") if inside(source, PURE)}
    assert {"feddmf.alignment", "feddmf.ledger", "feddmf.evaluation.metrics"} <= checked
