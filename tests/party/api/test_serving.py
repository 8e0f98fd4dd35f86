"""The server as a process on a real socket: answers, taken ports, TLS, slow senders, its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.x509.oid import NameOID

from feddmf.errors import InputError
from feddmf.identity import encode_key
from feddmf.web import listening
from feddmf.web.listening import Listening
from feddmf_party.api.desk import Desk
from feddmf_party.api.serving import serve
from feddmf_party.audiences.exports import Export, ExportFiles, State
from feddmf_party.folder import PartyFolder
from feddmf_party.tokens import Role, TokenFile
from support.ports import free_ports
from support.processes import Running, feddmf, started

ANSWERS = "answers at "
EVERYWHERE = "0.0.0.0"  # noqa: S104  (what must not be listened on without TLS)


def stop_while_streaming(server: Running, client: httpx.Client, headers: dict[str, str]) -> int:
    """End the server while a connection is open; return its exit code."""
    with client.stream("GET", "/v1/runs", headers=headers):
        return server.terminate(within_s=5)


def test_a_server_answers_on_loopback_until_it_is_told_to_end(home: PartyFolder, tmp_path: Path) -> None:
    """Questions, a revoked token, a second server on the folder or the port, and SIGTERM."""
    (port, other) = free_ports(2)
    token, _ = TokenFile(home.tokens).add("ann", Role.ANALYST, days=1)
    headers = {"Authorization": f"Bearer {token}"}
    serve = ["api", "serve", "--folder", str(home.path)]
    with started(tmp_path, "api", *serve, "--port", str(port)) as server:
        server.until(f"{ANSWERS}http://127.0.0.1:{port}/v1")
        with httpx.Client(base_url=f"http://localhost:{port}") as client:
            body = {"attributes": ["pen"], "users": ["ann"]}
            found = client.post("/v1/predictions", json=body, headers=headers)
            assert [row["user"] for row in found.json()["predictions"]] == ["ann"]
            assert "server" not in found.headers
            whole = client.post("/v1/predictions", json={**body, "format": "csv"}, headers=headers)
            assert whole.text.splitlines()[1].startswith("ann,pen,")
            taken = feddmf(*serve, "--port", str(other))
            assert (taken.returncode, "another process is serving the query API" in taken.stderr) == (6, True)
            TokenFile(home.tokens).revoke("ann")
            assert client.get("/v1/runs", headers=headers).status_code == 401
            assert stop_while_streaming(server, client, headers) == 0
        assert server.said.endswith("stopped\n")
        assert not [secret for secret in (token, '"ann"', "Traceback") if secret in server.said]


def test_a_taken_port_is_said(home: PartyFolder) -> None:
    """With the exit code of this machine's ports."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = feddmf("api", "serve", "--folder", str(home.path), "--port", str(port))
    assert done.returncode == 6
    assert f"cannot listen on 127.0.0.1 port {port}: Address already in use" in done.stderr
    assert "to do: " in done.stderr


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a self-signed certificate for 127.0.0.1 and its key; return where."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "api")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(Encoding.PEM))
    private.write_bytes(encode_key(key))
    return certificate, private


async def while_serving(home: PartyFolder, where: Listening, call: object) -> None:
    """Run `call` in a thread while this process serves."""
    ready = asyncio.Event()
    serving = asyncio.create_task(serve(home, where, ready=ready.set))
    await asyncio.wait({serving, asyncio.create_task(ready.wait())}, return_when=asyncio.FIRST_COMPLETED)
    try:
        await asyncio.to_thread(call)  # type: ignore[arg-type]
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving


def test_other_addresses_are_served_by_tls_1_3_alone(home: PartyFolder, tmp_path: Path) -> None:
    """With the certificate that was given; 1.2 is refused; the names of others are."""
    certificate, key = make_certificate(tmp_path)
    token, _ = TokenFile(home.tokens).add("ann", Role.ANALYST, days=1)
    (port,) = free_ports(1)
    where = Listening(EVERYWHERE, port, ("127.0.0.1",), certificate, key)

    def call() -> None:
        trusted = ssl.create_default_context(cafile=certificate)
        with httpx.Client(base_url=f"https://127.0.0.1:{port}", verify=trusted) as client:
            found = client.get("/v1/runs", headers={"Authorization": f"Bearer {token}"})
            assert found.status_code == 200
            assert "max-age" in found.headers["Strict-Transport-Security"]
            assert client.get("/v1/runs", headers={"Host": "evil.example"}).status_code == 421
        old = ssl.create_default_context(cafile=certificate)
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with httpx.Client(verify=old) as client, pytest.raises(httpx.ConnectError):
            client.get(f"https://127.0.0.1:{port}/v1/runs")

    asyncio.run(while_serving(home, where, call))


def test_a_half_sent_head_is_not_waited_for(home: PartyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first on a connection or a later one; a connection that rests between requests is another thing."""
    monkeypatch.setattr(listening, "_HEAD_S", 0.3)
    (port,) = free_ports(1)

    def call() -> None:
        for before in (b"", b"GET /v1/runs HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as sender:
                if before:
                    sender.sendall(before)
                    answer = b""
                    while not answer.endswith(b"}"):
                        answer += sender.recv(65_536)
                    assert answer.startswith(b"HTTP/1.1 401")
                sender.sendall(b"GET /v1/runs HTTP/1.1\r\nHost: local")
                assert sender.recv(65_536) == b""

    asyncio.run(while_serving(home, Listening(port=port), call))


def test_an_end_waits_for_nobody_for_long(
    home: PartyFolder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A question that is not answered yet is told so, without a traceback."""
    monkeypatch.setattr(listening, "_GRACE_S", 0.2)
    asked, go_on = threading.Event(), threading.Event()

    def loaded(*_: object) -> None:
        asked.set()
        go_on.wait(30)

    monkeypatch.setattr(Desk, "loaded", loaded)
    monkeypatch.setattr(Desk, "fill_scores", lambda _desk: None)
    token, _ = TokenFile(home.tokens).add("ann", Role.ANALYST, days=1)
    (port,) = free_ports(1)
    answers: list[httpx.Response] = []

    def ask() -> None:
        body = {"attributes": ["pen"]}
        headers = {"Authorization": f"Bearer {token}"}
        answers.append(httpx.post(f"http://127.0.0.1:{port}/v1/predictions", json=body, headers=headers))

    def call() -> None:
        asker = threading.Thread(target=ask)
        asker.start()
        assert asked.wait(10)
        os.kill(os.getpid(), signal.SIGTERM)
        asker.join(10)
        go_on.set()

    asyncio.run(while_serving(home, Listening(port=port), call))
    assert [answer.status_code for answer in answers] == [503]
    assert answers[0].json()["error"] == "this server is ending"
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"address": EVERYWHERE}, "tokens would cross the network in the clear"),
        ({"address": "192.0.2.1"}, "can be reached by others"),
        ({"address": "example.com"}, "is no address"),
        ({"certificate": Path("c.pem")}, "belong together"),
    ],
)
def test_nothing_leaves_this_machine_in_the_clear(options: dict[str, object], message: str) -> None:
    """Another address than loopback is not listened on without TLS."""
    with pytest.raises(InputError, match=message):
        Listening(**options)  # type: ignore[arg-type]


def test_a_key_that_does_not_fit_is_said(home: PartyFolder, tmp_path: Path) -> None:
    """Another's, one with a passphrase, none: and nobody is asked for one."""
    certificate, key = make_certificate(tmp_path)
    encrypted = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    for content in (encode_key(ec.generate_private_key(ec.SECP256R1())), encrypted, b""):
        key.write_bytes(content)
        with pytest.raises(InputError, match=r"cannot use .*cert\.pem"):
            asyncio.run(serve(home, Listening(port=1, certificate=certificate, key=key)))


def test_exports_of_an_earlier_server_are_mended_by_the_next(home: PartyFolder) -> None:
    """By whoever serves the folder, and by nobody who only has a desk."""
    files = ExportFiles(home.exports)
    files.keep(Export.asked("pens", "r-1", "csv", by="ann").running())
    Desk(home).close()
    assert [each.state for each in files.all()] == [State.RUNNING]
    (port,) = free_ports(1)
    asyncio.run(while_serving(home, Listening(port=port), lambda: None))
    assert [each.state for each in files.all()] == [State.FAILED]


def test_a_log_that_was_changed_stops_the_server(home: PartyFolder) -> None:
    """Nothing is written behind a record that does not fit."""
    home.query_log.write_text(json.dumps({"number": 3}) + "\n")
    with pytest.raises(InputError, match=re.escape(str(home.query_log))):
        asyncio.run(serve(home, Listening(port=1)))
