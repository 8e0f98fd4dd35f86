"""Calls to one query API over HTTP: the token, errors as they were there, and which call is made again."""

from __future__ import annotations

import ipaddress
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

import feddmf.errors as known_errors
from feddmf.errors import ConnectError, FedDMFError, InputError, TimedOut
from feddmf.files import explain_os_error, replacing
from feddmf.progress import Progress

__all__ = ["Line"]

_CONNECT_S = 10.0
# The server gives an answer so much; the rest is for the way.
_ANSWER_S = 90.0
_TRIES = 3
_LONGEST_PAUSE_S = 10.0
_AGAIN_LATER = {429, 503}
_PRIVATE = 0o600
_PIECE = 1 << 18
_SUCH_AS = "such as http://127.0.0.1:8480"

Json = dict[str, Any]


class Line:
    """One server and one token. What only reads (GET) is tried again; nothing else is ever sent twice.

    url: https, or http to this machine alone; ca: PEM file of the authority that the server's certificate is
    held against, in the place of those that this machine trusts.
    """

    def __init__(self, url: str, token: str, *, ca: Path | str | None = None) -> None:
        base = _address(url)
        self.url = str(base)
        self._http = httpx.Client(
            base_url=base,
            headers={"Authorization": f"Bearer {_shown(token)}"},
            timeout=httpx.Timeout(_ANSWER_S, connect=_CONNECT_S),
            verify=_trust(ca) if base.scheme == "https" else True,
            # The environment's proxies are not asked: nobody between here and there sees token or users.
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def get(self, path: str, **params: Any) -> Json:
        """Read something; tried again where the server cannot be reached or is busy."""
        asked = {name: value for name, value in params.items() if value is not None}
        for left in reversed(range(_TRIES)):
            try:
                with self._explained():
                    response = self._http.get(path, params=asked)
            except ConnectError:
                if not left:
                    raise
                pause = 1.0
            else:
                if response.status_code not in _AGAIN_LATER or not left:
                    return _answer(response)
                pause = _pause(response)
            time.sleep(pause)
        raise AssertionError  # pragma: no cover  (the last try returns or raises)

    def post(self, path: str, body: Mapping[str, Any]) -> Json:
        """Ask a question."""
        with self._explained():
            return _answer(self._http.post(path, json=dict(body)))

    def delete(self, path: str) -> Json:
        """Remove something."""
        with self._explained():
            return _answer(self._http.delete(path))

    @contextmanager
    def post_for_file(self, path: str, body: Mapping[str, Any]) -> Iterator[httpx.Response]:
        """Ask a question whose answer is a file; yield the answer, to be read piece by piece."""
        with self._explained(), self._http.stream("POST", path, json=dict(body)) as response:
            _check_good(response)
            yield response

    def download(self, path: str, out: Path, progress: Progress) -> None:
        """Fetch a file to `out`, whole or not at all, its owner's alone."""
        with self._explained(), self._http.stream("GET", path) as response:
            _check_good(response)
            size = int(response.headers["content-length"]) if "content-length" in response.headers else None
            with replacing(out, mode=_PRIVATE) as beside, beside.open("wb") as file:
                done = 0
                progress.show(0, size, "bytes fetched")
                for piece in response.iter_bytes(_PIECE):
                    with explain_os_error(out):
                        file.write(piece)
                    done += len(piece)
                    progress.show(done, size, "bytes fetched")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException as error:
            raise TimedOut(f"{self.url} did not answer in time", hint="ask for less at once") from error
        except httpx.TransportError as error:
            hint = "start it there: feddmf api serve; look at the address"
            if "CERTIFICATE" in str(error).upper():
                hint = "name the authority of its certificate: ca=FILE.pem"
            raise ConnectError(f"cannot reach {self.url}: {error}", hint=hint) from error


def _address(url: str) -> httpx.URL:
    try:
        base = httpx.URL(url.strip().removesuffix("/").removesuffix("/v1"))
    except httpx.InvalidURL as error:
        raise InputError(f"{url!r} is no address: {error}", hint=_SUCH_AS) from error
    if base.scheme not in {"http", "https"} or not base.host:
        raise InputError(f"{url!r} is no address of a query API", hint=_SUCH_AS)
    if base.scheme == "http" and not _is_loopback(base.host):
        raise InputError(
            f"{base.host} is another machine, and the token would cross the network in the clear",
            hint="name the server by https://",
        )
    return base


def _shown(token: str) -> str:
    """Return a token as it can be shown; InputError, without it, where it is none."""
    found = token.strip()
    if not found.isascii() or not found.isprintable() or not found or " " in found:
        raise InputError(
            "the token is empty, or holds characters that no token has",
            hint="paste what feddmf token add printed",
        )
    return found


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _trust(ca: Path | str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if ca is None else str(ca))
    except (OSError, ssl.SSLError) as error:
        raise InputError(f"cannot use {ca}: {error}", hint="name a PEM file of certificates") from error


def _pause(response: httpx.Response) -> float:
    said = response.headers.get("retry-after", "1")
    return min(float(said) if said.isdigit() else 1.0, _LONGEST_PAUSE_S)


def _check_good(response: httpx.Response) -> None:
    if not response.is_success:
        response.read()
        raise _error(response)


def _answer(response: httpx.Response) -> Json:
    if not response.is_success:
        raise _error(response)
    try:
        found: Json = response.json()
    except ValueError as error:
        raise _stranger(response) from error
    return found


def _error(response: httpx.Response) -> FedDMFError:
    """Return the error that the server tells of, of the kind that it was there."""
    try:
        said = response.json()
        message, hint, kind = str(said["error"]), str(said["hint"]), str(said["kind"])
    except (ValueError, KeyError, TypeError):
        return _stranger(response)
    found = getattr(known_errors, kind, None) if kind in known_errors.__all__ else None
    # Kinds that name parties are told by their own words alone.
    if found is None or found.__init__ is not FedDMFError.__init__:
        found = FedDMFError
    error: FedDMFError = found(message, hint=hint)
    return error


def _stranger(response: httpx.Response) -> ConnectError:
    where = response.url.copy_with(query=None)
    return ConnectError(
        f"{where} answered with status {response.status_code} and is no query API",
        hint="look at the address: feddmf api serve says it when it starts",
    )
