"""TLS of the two listeners: both show the server's certificate, one demands the caller's."""

from __future__ import annotations

from datetime import UTC, datetime

import grpc

from feddmf.errors import InputError
from feddmf.files import read_bytes
from feddmf.identity import decode_certificate, decode_key, verify_issued_by
from feddmf_coordinator.settings import CoordinatorFolder

__all__ = ["enrolment_credentials", "federation_credentials"]

_HINT = "restore the file from a backup; `feddmf coordinator init` made it"


def federation_credentials(folder: CoordinatorFolder) -> grpc.ServerCredentials:
    """Return the TLS of the federation port: a caller without a certificate from the root gets no byte.

    Raises InputError where the server's own files cannot be used.
    """
    root = read_bytes(folder.root_certificate, what="the root certificate", hint=_HINT)
    return grpc.ssl_server_credentials([_server_pair(folder)], root, require_client_auth=True)


def enrolment_credentials(folder: CoordinatorFolder) -> grpc.ServerCredentials:
    """Return the TLS of the enrolment port, whose callers have no certificate yet.

    Raises InputError where the server's own files cannot be used.
    """
    return grpc.ssl_server_credentials([_server_pair(folder)])


def _server_pair(folder: CoordinatorFolder) -> tuple[bytes, bytes]:
    """Return (key, certificate) as PEM; gRPC would take any nonsense and fail in each handshake."""
    key = read_bytes(folder.server_key, what="the server's key", hint=_HINT)
    leaf = read_bytes(folder.server_certificate, what="the server's certificate", hint=_HINT)
    root = read_bytes(folder.root_certificate, what="the root certificate", hint=_HINT)
    certificate = decode_certificate(leaf, what=str(folder.server_certificate))
    if decode_key(key, what=str(folder.server_key)).public_key() != certificate.public_key():
        raise InputError(f"{folder.server_key} is not the key of {folder.server_certificate}", hint=_HINT)
    if not verify_issued_by(certificate, decode_certificate(root, what=str(folder.root_certificate))):
        raise InputError(
            f"{folder.server_certificate} is not signed by {folder.root_certificate}", hint=_HINT
        )
    end = certificate.not_valid_after_utc
    if end <= datetime.now(UTC):
        raise InputError(
            f"the server's certificate ended on {end:%Y-%m-%d %H:%M} UTC",
            hint="run `feddmf coordinator renew`, or set this machine's clock right",
        )
    return key, leaf
