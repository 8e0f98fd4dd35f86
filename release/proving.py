"""A clean environment with the wheel in it, and what a user does first there."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urljoin
from urllib.request import urlopen

__all__ = ["Environment"]

_ROOT = Path(__file__).parents[1]
# A fifth of a second each.
_TRIES = 300


class Environment:
    """A virtual environment in `folder`, made anew; it sees neither this one nor the checkout."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # What is run there finds its data sets, wherever they were named from.
        named = os.environ.get("FEDDMF_DATA_DIR")
        data = {"FEDDMF_DATA_DIR": str(Path(named).resolve())} if named else {}
        hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
        kept = {name: value for name, value in os.environ.items() if name not in hidden}
        self._environ = kept | data | {"PYTHONNOUSERSITE": "1", "PYTHONSAFEPATH": "1"}
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self._folder / "bin" / "python"

    def install(self, wheel: Path) -> None:
        """Install what the wheel needs, pinned with hashes, and the wheel itself from its file alone."""
        pins = _ROOT / "requirements"
        # Modules are compiled as they are used, which is few of them.
        self._pip("install", "--no-compile", "--no-deps", "--requirement", pins / "torch.txt")
        self._pip("install", "--no-compile", "--require-hashes", "--requirement", pins / "release.txt")
        self._pip("install", "--no-deps", "--no-index", wheel)
        self._pip("check")

    def feddmf(self, *arguments: str) -> str:
        """Return what `feddmf ARGUMENTS` prints, run in the environment's own folder."""
        words = [str(self._folder / "bin" / "feddmf"), *arguments]
        done = subprocess.run(words, cwd=self._folder, env=self._environ, check=True, stdout=subprocess.PIPE)
        return done.stdout.decode()

    def look_at(self, *arguments: str) -> None:
        """Serve what `feddmf ARGUMENTS` serves, and fetch its first page with every file that this names."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        words = [str(self._folder / "bin" / "feddmf"), *arguments, "--port", port]
        serving = subprocess.Popen(words, cwd=self._folder, env=self._environ)
        try:
            page = _fetched(f"http://127.0.0.1:{port}/", serving)
            names = re.findall(rb'(?:src|href)="(/[^"]+\.(?:css|js|svg|png))[?"]', page)
            if not names:
                sys.exit(f"the page of feddmf {' '.join(arguments)} loads no file:\n{page.decode()}")
            for name in names:
                _fetched(urljoin(f"http://127.0.0.1:{port}/", name.decode()), serving)
        finally:
            serving.terminate()
            serving.wait(30)

    def _pip(self, *arguments: object) -> None:
        words = [str(self.python), "-m", "pip", "--quiet", *map(str, arguments)]
        subprocess.run(words, cwd=self._folder, env=self._environ, check=True)


def _fetched(url: str, serving: subprocess.Popen[bytes]) -> bytes:
    """Return what stands at `url`, tried again while nobody listens there yet."""
    for _ in range(_TRIES):
        try:
            with urlopen(url, timeout=10) as answer:  # noqa: S310
                return bytes(answer.read())
        except URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError) or serving.poll() is not None:
                raise
            time.sleep(0.2)
    sys.exit(f"nobody answers at {url}")
