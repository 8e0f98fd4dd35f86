"""Memory of processes that are watched from outside."""

from __future__ import annotations

import subprocess
import sys

import pytest

from feddmf_benchmarks.contender import peak_mib
from feddmf_benchmarks.watched import Watched

HOLD = "held = bytearray({mib} << 20); held[:: 4096] = b'1' * len(held[:: 4096]); print(flush=True); input()"


def started(mib: int) -> subprocess.Popen[bytes]:
    """Return a process that holds so much until it is told to end."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLD.format(mib=mib)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def test_each_process_has_its_own_peak() -> None:
    """Whoever starts later is seen too, and what one holds is not another's."""
    processes = {"small": started(1)}
    with Watched(processes) as watched:
        processes["large"] = started(90)
        for process in processes.values():
            assert process.stdout is not None
            process.stdout.readline()
        while watched.peaks.get("large", 0) < 90:
            pass
    for process in processes.values():
        process.communicate(b"\n")
    assert 1 < watched.peaks["small"] < 80 < watched.peaks["large"]


def test_a_process_that_has_ended_has_no_peak() -> None:
    """It is named so before it is waited for and after."""
    process = started(1)
    process.communicate(b"\n")
    with pytest.raises(ProcessLookupError):
        peak_mib(process.pid)
    assert peak_mib() > 1
