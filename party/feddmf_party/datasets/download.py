"""Downloading a publisher's zip: bounded in size and time, each file checked before it is kept."""

from __future__ import annotations

import hashlib
import http.client
import io
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from pathlib import Path

from feddmf.errors import ConnectError, DataError
from feddmf.files import write_bytes
from feddmf.progress import MEGA, NOBODY, Progress, Tally
from feddmf_party.datasets.source import PinnedFile, Source

__all__ = ["MAX_BYTES", "TIMEOUT", "download", "fetch"]

MAX_BYTES = 1 << 26
"""No archive, and no file in one, may be larger (64 MiB)."""

TIMEOUT = 60.0
"""Seconds that a whole download may take."""

_PIECE = 1 << 16


def download(
    source: Source,
    folder: Path,
    *,
    timeout: float = TIMEOUT,
    max_bytes: int = MAX_BYTES,
    progress: Progress = NOBODY,
) -> None:
    """Fetch `source.url` and write its pinned files into `folder`, all checked before any is written.

    Raises ConnectError where the publisher cannot be reached, DataError where what came is not what was
    pinned, ValueError where the source has no url.
    """
    if source.url is None:
        raise ValueError(f"{source.name} has no url")
    archive = fetch(source.url, timeout=timeout, max_bytes=max_bytes, progress=progress)
    contents = {file.name: _member(source.url, archive, file, max_bytes) for file in source.files}
    for name, content in contents.items():
        write_bytes(folder / name, content)


def fetch(
    url: str, *, timeout: float = TIMEOUT, max_bytes: int = MAX_BYTES, progress: Progress = NOBODY
) -> bytes:
    """Return what `url` holds, at most `max_bytes`, within `timeout` seconds; else ConnectError."""
    deadline = time.monotonic() + timeout
    received = io.BytesIO()
    try:
        # The address is a constant of this package, and the content is held against a pinned digest.
        with urllib.request.urlopen(url, timeout=timeout) as response:  # noqa: S310
            size = response.headers.get("Content-Length", "")
            tally = Tally(progress, int(size) if size.isdecimal() else None, "MB fetched", unit=MEGA)
            while piece := response.read1(_PIECE):
                received.write(piece)
                tally.add(len(piece))
                if received.tell() > max_bytes:
                    raise ConnectError(f"{url}: more than {max_bytes} bytes", hint="get the file by hand")
                if time.monotonic() > deadline:
                    raise ConnectError(
                        f"{url}: not complete after {timeout:g} s", hint="get the file by hand"
                    )
    except urllib.error.HTTPError as error:
        with error:  # it holds the open answer
            raise ConnectError(f"cannot download {url}: {error}", hint="get the file by hand") from error
    except (OSError, http.client.HTTPException) as error:
        raise ConnectError(f"cannot download {url}: {error}", hint="get the file by hand") from error
    return received.getvalue()


def _member(url: str, archive: bytes, file: PinnedFile, max_bytes: int) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as box:
            # Publishers put the files into a folder of their choice.
            names = [name for name in box.namelist() if name.rpartition("/")[2] == file.name]
            if not names:
                raise DataError(f"{url}: no {file.name} in the archive", hint="get the file by hand")
            with box.open(names[0]) as member:
                content = member.read(max_bytes + 1)  # an archive may lie about sizes
    # Encrypted or oddly compressed members raise RuntimeError and its child NotImplementedError.
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise DataError(f"{url}: not a usable zip archive: {error}", hint="get the file by hand") from error
    found = hashlib.sha256(content).hexdigest()
    if not file.fits(found):
        raise DataError(
            f"{url}: the SHA-256 of its {file.name} is {found}, pinned is {file.sha256}",
            hint="get the file by hand",
        )
    return content
