"""Every reader of what others wrote: whatever the bytes, it reads them or refuses with a hint, in bounds.

FUZZ_INPUTS: inputs a target (`make fuzz` shares out a million); FUZZ_SEED, FUZZ_FIRST: make an input again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import pytest

from feddmf.errors import InputError
from fuzz import enrolment_targets, file_targets, ledger_targets, wire_targets
from fuzz.campaign import Budget, campaign, run_one
from fuzz.mutate import made, plain
from fuzz.target import Make, Target

TARGETS: Mapping[str, Make] = {
    "frames": wire_targets.frames,
    "contributions": wire_targets.contributions,
    "points": wire_targets.points,
    "documents": wire_targets.documents,
    "views": wire_targets.views,
    "plans": wire_targets.plans,
    "requests": enrolment_targets.requests,
    "successions": enrolment_targets.successions,
    "certificates": enrolment_targets.certificates,
    "keys": enrolment_targets.keys,
    "invitations": enrolment_targets.invitations,
    "fingerprints": enrolment_targets.fingerprints,
    "desk": enrolment_targets.desk,
    "catalogues": file_targets.catalogues,
    "listings": file_targets.listings,
    "run_files": file_targets.run_files,
    **file_targets.SETTINGS,
    "ledger_lines": ledger_targets.lines,
    "ledger_files": ledger_targets.chain_files,
    "party_audits": ledger_targets.audits_of_parties,
    "coordinator_audits": ledger_targets.audits_of_coordinators,
}


def _budget() -> Budget:
    said = os.environ.get
    return Budget(
        inputs=int(said("FUZZ_INPUTS", "300")),
        seed=int(said("FUZZ_SEED", "1")),
        first=int(said("FUZZ_FIRST", "0")),
        seconds=float(said("FUZZ_SECONDS", "inf")),
    )


# The library warns of numbers that it will refuse one day.
@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.parametrize("name", TARGETS)
def test_whatever_the_bytes_they_are_read_or_refused(tmp_path: Path, name: str) -> None:
    """No crash, hang or unbounded memory; a find is written to out/fuzz with the seed that makes it again."""
    target = TARGETS[name](tmp_path)
    budget = _budget()
    tried, find = campaign(name, target, budget)
    print(f"{name}: {tried} inputs of seed {budget.seed}")  # noqa: T201  (shown by `make fuzz`)
    assert find is None, str(find)


@pytest.mark.parametrize("name", TARGETS)
def test_the_samples_are_whole(tmp_path: Path, name: str) -> None:
    """Each target takes what it starts from, so that what is changed is near to something whole."""
    target = TARGETS[name](tmp_path)
    for sample in target.samples:
        target.read(sample)


def test_an_input_can_be_made_again() -> None:
    """By seed, name and number alone."""
    samples = [b"one", b"two" * 100]
    first = [made(7, "x", number, samples, plain) for number in range(50)]
    assert first == [made(7, "x", number, samples, plain) for number in range(50)]
    assert len(set(first)) > 30
    assert first != [made(8, "x", number, samples, plain) for number in range(50)]


def test_what_is_wrong_is_found(tmp_path: Path) -> None:
    """An error that is not declared, one without a hint, a hang, memory without bound: each is a find."""

    def crash(_: bytes) -> NoReturn:
        raise ValueError("no error of ours")

    def no_hint(_: bytes) -> NoReturn:
        raise InputError("what to do?")

    def hang(_: bytes) -> NoReturn:
        while True:
            pass

    def hoard(_: bytes) -> object:
        return bytearray(1 << 30)

    for read, word in (
        (crash, "no error of ours"),
        (no_hint, "no hint"),
        (hang, "processor time"),
        (hoard, "MemoryError"),
    ):
        budget = Budget(inputs=3, seed=1, out=tmp_path)
        tried, find = campaign("bad", Target([b"x"], plain, read), budget)
        assert find is not None
        assert word in find.what
        assert (tried, find.number) == (1, 0)
        assert find.path.read_bytes() == made(1, "bad", 0, [b"x"], plain)
        assert "FUZZ_SEED=1 FUZZ_FIRST=0" in str(find)
    assert run_one(Target([b"x"], plain, len), b"x") is None
