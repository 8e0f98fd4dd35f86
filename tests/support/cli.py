"""Commands of `feddmf` in this process, held to what every command promises."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from feddmf.cli.main import run

__all__ = ["Cli", "listing"]


@dataclass(frozen=True)
class Cli:
    """Runs commands; what they print is checked and returned."""

    capsys: pytest.CaptureFixture[str]

    def call(self, *arguments: object) -> tuple[int, str, str]:
        """Run a command; return its exit code, stdout and stderr."""
        self.capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        out, err = self.capsys.readouterr()
        assert "Traceback" not in out + err
        assert "internal error" not in out + err
        return code, out, err

    def text(self, *arguments: object) -> str:
        """Run a command that works; return its answer to a person."""
        code, out, err = self.call(*arguments)
        assert code == 0, err
        assert all(line == line.rstrip() for line in out.splitlines())
        return out

    def data(self, *arguments: object) -> dict[str, Any]:
        """Run a command that works with `--format json`; return what its one envelope holds."""
        code, out, err = self.call(*arguments, "--format", "json")
        assert code == 0, err
        envelope = _envelope(out)
        assert (envelope["ok"], envelope["error"]) == (True, None)
        data: dict[str, Any] = envelope["data"]
        return data

    def fails(self, code: int, *arguments: object, json: bool = True) -> str:
        """Run a command that ends with `code`, as text and as JSON; return its error, hint included.

        Stdout is empty, or one envelope; stderr ends with one line of what and one of what to do.
        """
        found, out, err = self.call(*arguments)
        assert found == code, (found, err)
        assert out == ""
        error, hint = err.splitlines()[-2:]
        assert error.startswith("error: ")
        assert hint.startswith("  to do: ")
        assert [line for line in err.splitlines() if line.startswith("error: ")] == [error]
        if json:
            self._fails_as_json(code, error.removeprefix("error: "), *arguments)
        return f"{error}\n{hint}"

    def _fails_as_json(self, code: int, message: str, *arguments: object) -> None:
        found, out, _ = self.call(*arguments, "--format", "json")
        envelope = _envelope(out)
        assert found == code
        assert (envelope["ok"], envelope["data"], envelope["error"]["exit_code"]) == (False, None, code)
        assert _timeless(" ".join(envelope["error"]["message"].split())) == _timeless(message)


def _timeless(message: str) -> str:
    """Return `message` without how long was waited, which differs from one call to the next."""
    return re.sub(r"tried for \d+ s", "tried for N s", message)


def _envelope(out: str) -> dict[str, Any]:
    """Return the one envelope that stdout holds, and nothing else."""
    assert out.count("\n") == 1
    assert out.endswith("\n")
    # Strict JSON: no NaN.
    envelope: dict[str, Any] = json.loads(out, parse_constant=pytest.fail)
    assert list(envelope) == ["feddmf", "ok", "data", "error"]
    assert envelope["feddmf"] == 1
    return envelope


def listing(folder: Path) -> dict[str, bytes | None]:
    """Return every path under `folder` with its content, None for what is no file."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }
