"""Tokens of the query API: shown once, kept as digests, closed by time or by hand."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from feddmf.errors import InputError
from feddmf_party.tokens import Holder, Role, TokenFile


@pytest.fixture
def file(tmp_path: Path) -> TokenFile:
    """Return an empty file of tokens."""
    return TokenFile(tmp_path / "tokens.json")


def test_a_token_opens_until_its_end(file: TokenFile) -> None:
    """To the second, with the role that it was made with."""
    secret, made = file.add("ann", Role.ANALYST, days=2)
    assert made.expires - made.created == timedelta(days=2)
    assert file.holder(secret) == Holder(name="ann", role=Role.ANALYST)
    assert file.holder(secret, now=made.expires - timedelta(seconds=1)) is not None
    assert file.holder(secret, now=made.expires) is None
    assert (made.state(made.created), made.state(made.expires)) == ("valid", "expired")


def test_nothing_but_the_token_opens(file: TokenFile) -> None:
    """No part of it, no more than it, no other, not its digest."""
    secret, made = file.add("ann", Role.AUDITOR, days=1)
    other, _ = file.add("bob", Role.ENGINEER, days=1)
    assert file.holder(other) == Holder(name="bob", role=Role.ENGINEER)
    for shown in ("", secret[:-1], secret + "x", secret.upper(), made.sha256, "ann", "é" * 200):
        assert file.holder(shown) is None


def test_the_file_holds_digests_for_its_owner_alone(tmp_path: Path, file: TokenFile) -> None:
    """Who reads it can open nothing; 256 bits are behind each token, and no two are alike."""
    secrets = [file.add(f"n{number}", Role.ANALYST, days=1)[0] for number in range(3)]
    path = tmp_path / "tokens.json"
    text = path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    assert not [secret for secret in secrets if secret in text or secret.removeprefix("feddmf_") in text]
    assert len(set(secrets)) == 3
    assert {len(secret) for secret in secrets} == {len("feddmf_") + 43}
    assert {len(each["sha256"]) for each in json.loads(text)} == {64}


def test_a_revoked_token_opens_nothing(file: TokenFile) -> None:
    """The others do; a name is free again after that."""
    secret, _ = file.add("ann", Role.ANALYST, days=1)
    other, _ = file.add("bob", Role.ANALYST, days=1)
    assert file.revoke("ann").state(datetime.now(UTC)) == "revoked"
    assert (file.holder(secret), file.holder(other)) == (None, Holder(name="bob", role=Role.ANALYST))
    with pytest.raises(InputError, match="no valid token is named 'ann'"):
        file.revoke("ann")
    again, _ = file.add("ann", Role.AUDITOR, days=1)
    assert file.holder(secret) is None
    assert file.holder(again) == Holder(name="ann", role=Role.AUDITOR)
    assert [each.name for each in file.all()] == ["ann", "bob"]


def test_a_living_token_is_not_replaced(file: TokenFile) -> None:
    """Who asks for a name that is in use is told what to do."""
    file.add("ann", Role.ANALYST, days=1)
    with pytest.raises(InputError, match="there is a token for ann already"):
        file.add("ann", Role.AUDITOR, days=1)


@pytest.mark.parametrize("name", ["", "Ann", "a b", "-a", "a\n", "x" * 65, "../a"])
def test_names_are_plain(file: TokenFile, name: str) -> None:
    """They are written into logs."""
    with pytest.raises(InputError, match="cannot be the name of a token"):
        file.add(name, Role.ANALYST, days=1)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"name": "ann"}]'])
def test_a_damaged_file_opens_nothing(tmp_path: Path, file: TokenFile, content: str) -> None:
    """It is named, whatever is asked of it."""
    (tmp_path / "tokens.json").write_text(content)
    with pytest.raises(InputError, match=r"tokens\.json does not list tokens"):
        file.holder("feddmf_x")
