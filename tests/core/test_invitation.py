from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from feddmf.errors import ConfigError, InputError
from feddmf.invitation import Invitation, load_invitation, write_invitation

INVITATION = Invitation(
    federation="fed",
    party="acme",
    enrolment_address="[::1]:8471",
    federation_address="localhost:8470",
    expires=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    token="secret-token",  # noqa: S106
    root_certificate="-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
)


def test_an_invitation_survives_its_file(tmp_path: Path) -> None:
    """What was written is what is read, but for the line end after the certificate."""
    file = tmp_path / "acme.invite.toml"
    write_invitation(file, INVITATION)
    read = load_invitation(file)
    assert read.model_copy(update={"root_certificate": read.root_certificate.strip()}) == INVITATION
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_token_is_not_shown() -> None:
    """A log that prints an invitation does not give it away."""
    assert "secret-token" not in repr(INVITATION)
    assert "secret-token" not in str(INVITATION)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('party = "acme"', 'party = "Acme"', "party"),
        ('enrolment_address = "[::1]:8471"', 'enrolment_address = "nowhere"', "enrolment_address"),
        ("+00:00", "", "expires"),
        ("token =", "tokens =", "token"),
    ],
)
def test_a_changed_file_is_an_error_that_names_the_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    """An invitation that was edited by hand says where it is wrong."""
    file = tmp_path / "acme.invite.toml"
    write_invitation(file, INVITATION)
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(ConfigError, match=key):
        load_invitation(file)


def test_a_root_that_is_none_is_an_error() -> None:
    """The certificate is looked at when it is needed, and the error says what it was."""
    with pytest.raises(InputError, match="root_certificate of the invitation"):
        INVITATION.root()
