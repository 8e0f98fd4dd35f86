"""TLS of the two listeners: both show the server's certificate, one demands the caller's.

A certificate that is renewed while the server runs is taken up in the next handshake.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import UTC, datetime

import grpc
from cryptography import x509

from feddmf.errors import InputError
from feddmf.files import read_bytes
from feddmf.identity import decode_certificate, decode_key, verify_issued_by
from feddmf.waiting import set_within
from feddmf_coordinator.server_certificate import look_at_server_certificate
from feddmf_coordinator.settings import CoordinatorFolder

__all__ = [
    "certificate_warning",
    "enrolment_credentials",
    "federation_credentials",
    "server_certificate",
    "watch_certificate",
]

log = logging.getLogger(__name__)

_HINT = "restore the file from a backup; `feddmf coordinator init` made it"
_WARN_EVERY_S = 6 * 3600.0


def federation_credentials(folder: CoordinatorFolder) -> grpc.ServerCredentials:
    """Return the TLS of the federation port: a caller without a certificate from the root gets no byte.

    Raises InputError where the server's own files cannot be used.
    """
    root = read_bytes(folder.root_certificate, what="the root certificate", hint=_HINT)
    return _dynamic(folder, root)


def enrolment_credentials(folder: CoordinatorFolder) -> grpc.ServerCredentials:
    """Return the TLS of the enrolment port, whose callers have no certificate yet.

    Raises InputError where the server's own files cannot be used.
    """
    return _dynamic(folder, None)


async def watch_certificate(folder: CoordinatorFolder, stop: asyncio.Event) -> None:
    """Warn in the log while the server's certificate nears its end and nobody renews it, until `stop`."""
    while not stop.is_set():
        warning = await asyncio.to_thread(certificate_warning, folder, datetime.now(UTC))
        if warning:
            log.warning("%s", warning)
        await set_within(stop, _WARN_EVERY_S)


def certificate_warning(folder: CoordinatorFolder, now: datetime) -> str:
    """Return what to say of the server's certificate at `now`; empty while all is well."""
    try:
        _checked(folder, now)
    except InputError as error:
        return f"{error.message}; {error.hint}"
    found = look_at_server_certificate(folder, now)
    return f"{found.text}; {found.hint}" if found.text else ""


def server_certificate(folder: CoordinatorFolder, now: datetime) -> x509.Certificate:
    """Return the server's certificate; InputError where it or its key cannot be used at `now`."""
    return _checked(folder, now).certificate


@dataclass(frozen=True)
class _Pair:
    key: bytes
    certificate_pem: bytes
    certificate: x509.Certificate


def _dynamic(folder: CoordinatorFolder, root: bytes | None) -> grpc.ServerCredentials:
    pair = _checked(folder, datetime.now(UTC))

    def configuration(pair: _Pair) -> grpc.ServerCertificateConfiguration:
        return grpc.ssl_server_certificate_configuration([(pair.key, pair.certificate_pem)], root)

    def newest() -> grpc.ServerCertificateConfiguration | None:
        """Return what a handshake shows where it has changed; asked for in each, on a thread of gRPC's."""
        nonlocal pair
        try:
            found = _read(folder)
            if found.certificate_pem == pair.certificate_pem:
                return None
            pair = _checked(folder, datetime.now(UTC))
        except InputError:
            # One of the two files may not be there yet; the next handshake looks again.
            return None
        log.info("shows its new certificate, until %s", f"{pair.certificate.not_valid_after_utc:%Y-%m-%d}")
        return configuration(pair)

    return grpc.dynamic_ssl_server_credentials(
        configuration(pair),
        newest,  # type: ignore[arg-type]  # None says that nothing has changed
        require_client_authentication=root is not None,
    )


def _read(folder: CoordinatorFolder) -> _Pair:
    key = read_bytes(folder.server_key, what="the server's key", hint=_HINT)
    leaf = read_bytes(folder.server_certificate, what="the server's certificate", hint=_HINT)
    return _Pair(key, leaf, decode_certificate(leaf, what=str(folder.server_certificate)))


def _checked(folder: CoordinatorFolder, now: datetime) -> _Pair:
    """Return key and certificate as they can be used; gRPC would take any nonsense and fail in handshakes."""
    pair = _read(folder)
    root = read_bytes(folder.root_certificate, what="the root certificate", hint=_HINT)
    key = decode_key(pair.key, what=str(folder.server_key))
    if key.public_key() != pair.certificate.public_key():
        raise InputError(
            f"{folder.server_key} is not the key of {folder.server_certificate}",
            hint="run `feddmf coordinator renew`, or restore both files from a backup",
        )
    if not verify_issued_by(pair.certificate, decode_certificate(root, what=str(folder.root_certificate))):
        raise InputError(
            f"{folder.server_certificate} is not signed by {folder.root_certificate}", hint=_HINT
        )
    end = pair.certificate.not_valid_after_utc
    if end <= now:
        raise InputError(
            f"the server's certificate ended on {end:%Y-%m-%d %H:%M} UTC",
            hint="run `feddmf coordinator renew`, or set this machine's clock right",
        )
    return pair
