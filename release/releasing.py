"""`make release`: build, install from the wheel alone, use it, list what is in it; all in out/dist.

Nothing is uploaded. At a tag vX.Y.Z the packages bear that number, and the texts that name it must agree.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bill import write_bill
from numbering import coming, dated, image_tags
from packing import pack
from proving import Environment

ROOT = Path(__file__).parents[1]
OUT = ROOT / "out" / "dist"
ROOM = ROOT / "out" / "release"


def main() -> None:
    """Make the release; ends the process where anything is not as it must be."""
    shutil.rmtree(OUT, ignore_errors=True)
    with step("sdist, and the wheel from it"):
        packed = pack(ROOT, OUT)
    check_number(packed.version)
    with step("installed in a clean environment, from the wheel alone; pip check"):
        environment = Environment(ROOM)
        environment.install(packed.wheel)
    with step("feddmf --version, feddmf demo"):
        said = environment.feddmf("--version")
        if said != f"feddmf {packed.version}\n":
            sys.exit(f"the wheel {packed.wheel.name} says that it is {said}")
        environment.feddmf("demo", "--out", "demo", "--format", "json")
    with step("both consoles, with all that their first pages load"):
        environment.look_at("api", "serve", "--folder", "demo/north")
        environment.look_at("coordinator", "console", "--folder", "demo/coordinator")
    with step("bill of materials, checksums"):
        write_bill(environment.python, OUT / f"feddmf-{packed.version}.cdx.json")
        write_sums()
    shutil.rmtree(ROOM)
    print(f"feddmf {packed.version}: {', '.join(sorted(path.name for path in OUT.iterdir()))}")


def check_number(version: str) -> None:
    """Hold the number of a release against the texts that name it; what is none is only on its way to one."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        return
    if version not in dated():
        sys.exit(f"CHANGELOG.md has no section [{version}] with a date")
    if image_tags() != {version} or coming() != version:
        sys.exit(
            f"examples/deploy names {sorted(image_tags())}, pyproject.toml leads to {coming()}: not {version}"
        )


def write_sums() -> None:
    """Write SHA256SUMS of all that is in OUT, in the form of sha256sum."""
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(OUT.iterdir())
    ]
    (OUT / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    print(f"{what} ...", flush=True)
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
