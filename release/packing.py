"""The sdist, and the wheel that is built from the sdist alone; what must be in them."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Packed", "pack"]

# Where the packages stand in the sdist; each is a root of its own in the wheel.
_ROOTS = ("core/", "party/", "coordinator/", "benchmarks/feddmf_benchmarks/")


@dataclass(frozen=True)
class Packed:
    """What a release consists of, in files."""

    sdist: Path
    wheel: Path

    @property
    def version(self) -> str:
        """The number that the wheel bears."""
        return self.wheel.name.split("-")[1]


def pack(root: Path, out: Path) -> Packed:
    """Build both into `out`, from the tree at `root`; ends the process where a file is missing."""
    subprocess.run([sys.executable, "-m", "build", "--no-isolation", "--outdir", out, root], check=True)
    (sdist,), (wheel,) = out.glob("*.tar.gz"), out.glob("*.whl")
    _compare(sdist, wheel)
    return Packed(sdist, wheel)


def _compare(sdist: Path, wheel: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames() if not archive.getmember(name).isdir()]
    wanted = {_in_wheel(name) for name in names if name.startswith(_ROOTS)}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    if wanted != held:
        sys.exit(f"of the packages' files, the wheel alone has or lacks {sorted(wanted ^ held)}")
    strange = sorted(name for name in held if name.endswith((".pyc", ".so", ".orig")))
    if strange:
        sys.exit(f"no file of a release: {strange}")


def _in_wheel(name: str) -> str:
    return name.partition("/")[2]
