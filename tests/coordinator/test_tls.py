from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest

from feddmf.errors import InputError
from feddmf.identity import encode_key, make_key
from feddmf_coordinator import enrolling
from feddmf_coordinator.server.credentials import enrolment_credentials, federation_credentials
from feddmf_coordinator.server.identity import Doorkeeper
from feddmf_party.identity import IdentityFiles
from support.authority import EnrolledFederation, make_federation
from support.whoami import serving, tls_versions


def _versions(
    federation: EnrolledFederation,
    credentials: grpc.ServerCredentials,
    pair: tuple[Path, Path] | None = None,
) -> dict[str, bool]:
    async def probe() -> dict[str, bool]:
        with federation.open_database() as database:
            async with serving(Doorkeeper("testfed", database), credentials) as port:
                return await asyncio.to_thread(tls_versions, port, federation.folder.root_certificate, pair)

    return asyncio.run(probe())


def test_the_enrolment_port_speaks_tls_1_3_alone(enrolled: EnrolledFederation) -> None:
    """A client that has only TLS 1.2 gets no byte."""
    assert _versions(enrolled, enrolment_credentials(enrolled.folder)) == {"TLSv1_2": False, "TLSv1_3": True}


def test_the_federation_port_speaks_tls_1_3_alone(enrolled: EnrolledFederation) -> None:
    """Not even an enrolled party gets a byte under TLS 1.2."""
    files = IdentityFiles(enrolled.parties["acme"])
    versions = _versions(enrolled, federation_credentials(enrolled.folder), (files.key, files.certificate))
    assert versions == {"TLSv1_2": False, "TLSv1_3": True}


def test_the_federation_port_demands_a_certificate(enrolled: EnrolledFederation) -> None:
    """Without one, no version gets a byte."""
    versions = _versions(enrolled, federation_credentials(enrolled.folder))
    assert versions == {"TLSv1_2": False, "TLSv1_3": False}


def test_an_ended_server_certificate_is_an_error_at_the_start(tmp_path: Path) -> None:
    """The operator reads it, instead of every party meeting it; and renewing mends it."""
    federation = make_federation(tmp_path, (), now=datetime.now(UTC) - timedelta(days=366))
    with pytest.raises(InputError, match="server's certificate ended") as caught:
        federation_credentials(federation.folder)
    assert "feddmf coordinator renew" in caught.value.hint
    enrolling.renew(federation.folder)
    federation_credentials(federation.folder)


def test_server_files_that_do_not_fit_are_errors_at_the_start(tmp_path: Path) -> None:
    """A key of another certificate, a certificate of another root, a file that is gone."""
    first = make_federation(tmp_path / "first", ()).folder
    second = make_federation(tmp_path / "second", ()).folder
    key, certificate = first.server_key.read_bytes(), first.server_certificate.read_bytes()
    first.server_key.write_bytes(encode_key(make_key()))
    with pytest.raises(InputError, match="is not the key of"):
        enrolment_credentials(first)
    second.server_key.write_bytes(key)
    second.server_certificate.write_bytes(certificate)
    with pytest.raises(InputError, match="is not signed by"):
        enrolment_credentials(second)
    first.server_key.unlink()
    with pytest.raises(InputError, match="cannot read the server's key"):
        federation_credentials(first)
