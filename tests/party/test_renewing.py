from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from feddmf.errors import InputError
from feddmf.identity import encode_certificate, encode_key, make_key
from feddmf.succession import check_succession
from feddmf_coordinator.authority import Authority
from feddmf_party import renewing
from feddmf_party.identity import IdentityFiles, diagnose, load_identity
from feddmf_party.renewing import is_due
from support.authority import EnrolledFederation, make_federation, open_authority

NOW = datetime.now(UTC)


@pytest.fixture
def federation(tmp_path: Path) -> EnrolledFederation:
    """A federation of one party."""
    return make_federation(tmp_path, ("acme",))


@pytest.fixture
def files(federation: EnrolledFederation) -> IdentityFiles:
    """The party's identity."""
    return IdentityFiles(federation.parties["acme"])


def _issued(
    authority: Authority,
    key: ec.EllipticCurvePublicKey,
    *,
    party: str = "acme",
    name: str = "testfed",
    days: int = 9,
) -> bytes:
    start = NOW if days > 0 else NOW + timedelta(days=days - 1)
    certificate = authority.issue_party(key, name, party, days=max(days, 1), now=start)
    return certificate.public_bytes(Encoding.DER)


def test_a_renewal_is_due_when_a_third_of_the_life_is_left(files: IdentityFiles) -> None:
    """Of ninety days, at thirty."""
    identity = load_identity(files.folder)
    assert not is_due(identity, now=NOW)
    assert not is_due(identity, now=NOW + timedelta(days=59))
    assert is_due(identity, now=NOW + timedelta(days=61))
    assert is_due(identity, now=NOW + timedelta(days=100))


def test_a_request_repeats_until_it_is_answered(files: IdentityFiles) -> None:
    """The new key is made here once, its owner's alone; what is in use is not touched."""
    before = (files.key.read_bytes(), files.certificate.read_bytes())
    first = renewing._next_request(files, "acme")
    assert renewing._next_request(files, "acme") == first
    assert check_succession(first, files.load_pair()[1]) == renewing._next_key(files).public_key()
    assert files.next_key.stat().st_mode & 0o777 == 0o600
    assert (files.key.read_bytes(), files.certificate.read_bytes()) == before
    files.next_request.write_bytes(b"nonsense")
    again = renewing._next_request(files, "acme")
    assert check_succession(again, files.load_pair()[1]) == renewing._next_key(files).public_key()


def test_keys_are_switched_whole(federation: EnrolledFederation, files: IdentityFiles) -> None:
    """Nothing of the renewal is left over, and the identity is in order."""
    renewing._next_request(files, "acme")
    new_key = renewing._next_key(files)
    renewing._switch(files, _issued(open_authority(federation.folder), new_key.public_key()))
    key, certificate = files.load_pair()
    assert key.private_numbers() == new_key.private_numbers()
    assert certificate.public_key() == new_key.public_key()
    assert not list((files.folder / "identity").glob("next-*"))
    assert files.key.stat().st_mode & 0o777 == 0o600
    assert diagnose(files.folder) == ()


INTERRUPTED: list[Callable[[IdentityFiles], object]] = [
    IdentityFiles.load_federation,
    lambda files: files.next_key.replace(files.key),
    lambda files: (files.next_key.replace(files.key), files.next_request.replace(files.request)),
]


@pytest.mark.parametrize("stopped", INTERRUPTED)
@pytest.mark.parametrize("look", [diagnose, load_identity])
def test_a_switch_that_was_interrupted_is_finished_by_the_next_look(
    federation: EnrolledFederation,
    files: IdentityFiles,
    stopped: Callable[..., object],
    look: Callable[..., object],
) -> None:
    """Killed after the certificate was safe, before, between and after the keys moved."""
    renewing._next_request(files, "acme")
    new_key = renewing._next_key(files)
    der = _issued(open_authority(federation.folder), new_key.public_key())
    files.next_certificate.write_bytes(der)
    stopped(files)
    look(files.folder)
    assert diagnose(files.folder) == ()
    assert load_identity(files.folder).key_pem == encode_key(new_key)


def test_a_switch_between_two_looks_is_met(
    federation: EnrolledFederation, files: IdentityFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process renews after the certificate was read, before the key is."""
    renewing._next_request(files, "acme")
    new_key = renewing._next_key(files)
    der = _issued(open_authority(federation.folder), new_key.public_key())
    looks = []
    read = IdentityFiles._read_pair

    def meanwhile(self: IdentityFiles) -> object:
        looks.append(1)
        old = read(self)
        if len(looks) > 1:
            return old
        renewing._switch(files, der)
        return read(self)[0], old[1]

    monkeypatch.setattr(IdentityFiles, "_read_pair", meanwhile)
    key, certificate = files.load_pair()
    assert (len(looks), key.public_key()) == (2, certificate.public_key())


def _wrong(federation: EnrolledFederation, files: IdentityFiles) -> dict[str, bytes]:
    authority, key = open_authority(federation.folder), renewing._next_key(files).public_key()
    return {
        "for another key": _issued(authority, make_key().public_key()),
        "from another root": _issued(Authority.make("testfed", days=30, now=NOW), key),
        "for another party": _issued(authority, key, party="bolt"),
        "that ended already": _issued(authority, key, days=-1),
    }


@pytest.mark.parametrize(
    "words", ["for another key", "from another root", "for another party", "that ended already"]
)
def test_a_certificate_that_does_not_fit_is_not_kept(
    federation: EnrolledFederation, files: IdentityFiles, words: str
) -> None:
    """The party believes nothing that the coordinator says; the identity in use stays."""
    before = (files.key.read_bytes(), files.certificate.read_bytes())
    renewing._next_request(files, "acme")
    with pytest.raises(InputError, match=words):
        renewing._switch(files, _wrong(federation, files)[words])
    assert (files.key.read_bytes(), files.certificate.read_bytes()) == before
    assert not files.next_certificate.exists()
    assert encode_certificate(files.load_pair()[1]) == files.certificate.read_bytes()
