"""A page whose blocks are typed into several terminals, run as it stands: one shell a terminal."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from support.pages import lend_environment
from support.ports import free_ports

__all__ = ["run_terminals", "titled_blocks"]

_BLOCK = re.compile(r'^```sh title="(\w+)(, waits[^"]*)?"\n(.*?)^```$', re.DOTALL | re.MULTILINE)
_TICK_S = 0.05


def titled_blocks(page: Path) -> list[tuple[str, bool, str]]:
    """Return each block's terminal, whether it stays there while others go on, and its commands.

    A title is a terminal's name; with ", waits ..." behind it the next block does not wait for this one.
    """
    found = _BLOCK.findall(page.read_text(encoding="utf-8"))
    return [(terminal, bool(waits), text) for terminal, waits, text in found]


def run_terminals(page: Path, root: Path, ports: tuple[str, ...], *, within_s: float) -> dict[str, str]:
    """Run the page's titled blocks in `root`, as in a checkout; return what each terminal shows.

    All must succeed. ports: those that the page names, which may be taken where others try it too.
    """
    lend_environment(root)
    free = dict(zip(ports, map(str, free_ports(len(ports))), strict=True))
    blocks = titled_blocks(page)
    with contextlib.ExitStack() as stack:
        terminals = {
            name: stack.enter_context(_terminal(name, root, time.monotonic() + within_s))
            for name in dict.fromkeys(name for name, _, _ in blocks)
        }
        for name, waits, text in blocks:
            for written, port in free.items():
                text = text.replace(written, port)  # noqa: PLW2901
            terminals[name].type(text)
            if not waits:
                terminals[name].wait()
        for terminal in terminals.values():
            terminal.wait()
        return {name: terminal.shown() for name, terminal in terminals.items()}


@dataclass
class _Terminal:
    """A shell that sources one file a block, and ends at the first command that fails."""

    name: str
    folder: Path
    shell: subprocess.Popen[str]
    deadline: float
    blocks: list[Path] = field(default_factory=list)

    def type(self, text: str) -> None:
        """Have the block run behind those before it."""
        file = self.folder / f"{len(self.blocks)}.sh"
        file.write_text(text, encoding="utf-8")
        self.blocks.append(file)
        assert self.shell.stdin is not None
        # Commands must not read what is typed after them.
        self.shell.stdin.write(f". {file} < /dev/null\ntouch {file}.done\n")
        self.shell.stdin.flush()

    def wait(self) -> None:
        """Wait until all blocks are over."""
        while not all(file.with_suffix(".sh.done").exists() for file in self.blocks):
            assert self.shell.poll() is None, f"{self.name} failed:\n{self.shown()}"
            assert time.monotonic() < self.deadline, f"{self.name} takes too long:\n{self.shown()}"
            time.sleep(_TICK_S)

    def shown(self) -> str:
        """Return what the terminal shows."""
        return (self.folder / "shown.txt").read_text(encoding="utf-8")


@contextlib.contextmanager
def _terminal(name: str, root: Path, deadline: float) -> Iterator[_Terminal]:
    folder = root / ".terminals" / name
    folder.mkdir(parents=True)
    with (folder / "shown.txt").open("wb") as shown:
        shell = subprocess.Popen(
            ["bash"],
            cwd=root,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=shown,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    assert shell.stdin is not None
    shell.stdin.write("set -euo pipefail\n")
    try:
        yield _Terminal(name, folder, shell, deadline)
    finally:
        # The session is this test's own: whatever was started in the terminal ends with it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)
        with contextlib.suppress(BrokenPipeError):
            shell.stdin.close()
        shell.wait()
