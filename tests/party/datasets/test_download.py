"""Downloads from a publisher on the loopback."""

from __future__ import annotations

import dataclasses
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from feddmf.errors import ConnectError, DataError
from feddmf_party.datasets.download import download, fetch
from feddmf_party.datasets.source import Source
from support.heard import Heard


class Publisher(BaseHTTPRequestHandler):
    """Answers /ten with ten bytes, /hang with a promise, /drip with bytes that never end, else 404."""

    release: threading.Event

    def do_GET(self) -> None:
        """Answer by path."""
        if self.path == "/gone":
            self.send_error(404)
            return
        self.send_response(200)
        self.end_headers()
        if self.path == "/ten":
            self.wfile.write(b"0123456789")
        elif self.path == "/hang":
            self.release.wait(10)
        else:
            while not self.release.wait(0.01):
                self.wfile.write(b"x")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """A server whose end waits for its answers, and that does not mind a client who goes away."""

    daemon_threads = False

    def handle_error(self, *_: object) -> None:
        """Say nothing: the client goes away on purpose."""


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve on a free port of the loopback; yield the address."""
    monkeypatch.setenv("no_proxy", "*")
    Publisher.release = threading.Event()
    with Server(("127.0.0.1", 0), Publisher) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        Publisher.release.set()
        server.shutdown()
        thread.join()


def test_fetch_returns_what_is_served(publisher: str) -> None:
    """The body comes whole, up to exactly the bound."""
    assert fetch(f"{publisher}/ten", max_bytes=10) == b"0123456789"


def test_fetch_tells_how_much_has_come(publisher: str, tmp_path: Path) -> None:
    """Of how much, where the publisher says that; the last part of a MB counts as one."""
    heard = Heard()
    fetch(f"{publisher}/ten", progress=heard)
    assert heard.told[0] == (0, None, "MB fetched")
    assert heard.told[-1] == (1, None, "MB fetched")
    (tmp_path / "large").write_bytes(bytes(2_500_000))
    fetch((tmp_path / "large").as_uri(), progress=heard)
    assert heard.told[-1] == (3, 3, "MB fetched")


@pytest.mark.parametrize(
    ("path", "message", "timeout"),
    [("/gone", "404", 60), ("/hang", "timed out", 0.1), ("/drip", r"not complete after|timed out", 0.3)],
)
def test_a_publisher_who_fails_is_named(publisher: str, path: str, message: str, timeout: float) -> None:
    """An HTTP error, silence and a body without end are ConnectErrors with the address."""
    with pytest.raises(ConnectError, match=message) as caught:
        fetch(publisher + path, timeout=timeout)
    assert publisher + path in caught.value.message


def test_too_much_is_refused(publisher: str) -> None:
    """A body over the bound is cut off."""
    with pytest.raises(ConnectError, match="more than 9 bytes"):
        fetch(f"{publisher}/ten", max_bytes=9)


def test_nobody_there_is_a_connect_error(tmp_path: Path) -> None:
    """An address where nothing answers is a ConnectError."""
    with pytest.raises(ConnectError, match="cannot download file:"):
        fetch((tmp_path / "absent.zip").as_uri())


def test_download_writes_the_pinned_files(tiny: Source, tmp_path: Path) -> None:
    """Only the pinned file is taken out of the archive, whatever folder it is in there."""
    download(tiny, tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["pairs.csv"]


def test_download_takes_a_file_that_nobody_has_pinned(tiny: Source, tmp_path: Path) -> None:
    """Without a digest the publisher's file is taken as it is."""
    free = dataclasses.replace(tiny, files=(dataclasses.replace(tiny.files[0], sha256=None),))
    download(free, tmp_path / "cache")
    assert (tmp_path / "cache" / "pairs.csv").read_bytes() == b"user,item\na,b\n"


def test_download_needs_an_address(tiny: Source, tmp_path: Path) -> None:
    """A source without an address cannot be downloaded."""
    with pytest.raises(ValueError, match="no url"):
        download(dataclasses.replace(tiny, url=None), tmp_path)


def zipped(name: str, content: bytes) -> bytes:
    """Return a zip of one compressed file."""
    box = io.BytesIO()
    with zipfile.ZipFile(box, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, content)
    return box.getvalue()


GOOD = zipped("pairs.csv", b"user,item\na,b\n" * 99)


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (b"<html>moved</html>", "not a usable zip"),
        (GOOD[: len(GOOD) // 2], "not a usable zip"),
        (GOOD[:45] + b"\xff\xff\xff" + GOOD[48:], "not a usable zip"),
        (zipped("other.csv", b"x"), "no pairs.csv in the archive"),
        (zipped("pairs.csv", b"x"), "SHA-256 of its pairs.csv is"),
        (zipped("pairs.csv", bytes(1 << 20)), "SHA-256 of its pairs.csv is"),
    ],
    # An archive holds the time at which it was made, and may not name a test.
    ids=["page", "half", "damaged", "another file", "other content", "too large"],
)
def test_an_archive_that_is_not_the_publishers_is_refused(
    tiny: Source, tmp_path: Path, archive: bytes, message: str
) -> None:
    """Broken archives and other contents are DataErrors, and nothing is written."""
    path = tmp_path / "bad.zip"
    path.write_bytes(archive)
    with pytest.raises(DataError, match=message):
        download(dataclasses.replace(tiny, url=path.as_uri()), tmp_path / "cache", max_bytes=1 << 16)
    assert not (tmp_path / "cache").exists()
