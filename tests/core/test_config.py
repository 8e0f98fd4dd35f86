"""Settings files that no parser should be left alone with: an error with a hint, and no long wait."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field

from feddmf import config
from feddmf.config import Settings, load_toml, read_toml
from feddmf.errors import ConfigError


@pytest.mark.parametrize(
    "content",
    [
        b"a = " + b"9" * 5_000,
        b"a = " + b"[" * 50_000,
        b"a = " + b"{b=" * 50_000,
        b".".join([b"a"] * 100_000) + b" = 1",
        b"[" + b" . ".join([b"'a'"] * 100_000) + b"]",
        b"x = {" + b".".join([b'"a"'] * 100_000) + b" = 1}",
        b"a = \xff",
        b"a = ",
    ],
)
def test_what_is_no_settings_file_is_an_error_with_a_hint(tmp_path: Path, content: bytes) -> None:
    """Numbers of very many digits, nesting and keys without end, no UTF-8, no TOML."""
    path = tmp_path / "settings.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"settings\.toml: ") as caught:
        read_toml(path)
    assert caught.value.hint


def test_a_file_that_is_too_large_is_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte over the limit."""
    monkeypatch.setattr(config, "_MOST_BYTES", 10)
    path = tmp_path / "settings.toml"
    path.write_bytes(b"a = 123456")
    assert read_toml(path) == {"a": 123456}
    path.write_bytes(b"a = 1234567")
    with pytest.raises(ConfigError, match="over 10 bytes"):
        read_toml(path)


def test_keys_of_items_may_have_dots(tmp_path: Path) -> None:
    """Many on one line, and one of the longest with as many dots as it can have."""
    path = tmp_path / "offer.toml"
    keys = ["a.b.c"] * 1_000 + [".".join("a" * 100)]
    path.write_text(f"items = {keys}\n")
    assert read_toml(path) == {"items": keys}


class _Inner(Settings):
    token: str = Field(repr=False)
    port: int = 1


class _Outer(Settings):
    inner: _Inner


def test_what_is_wrong_is_shown_in_short_and_secrets_never(tmp_path: Path) -> None:
    """A key that is kept out of every print is kept out of its error too."""
    path = tmp_path / "settings.toml"
    path.write_text("[inner]\ntoken = 987654321\n")
    with pytest.raises(ConfigError, match=r"key inner\.token: ") as caught:
        load_toml(path, _Outer)
    assert "987654321" not in caught.value.message
    path.write_text(f'[inner]\ntoken = "a"\nport = "{"x" * 10_000}"\n')
    with pytest.raises(ConfigError, match=r"key inner\.port = 'xxx") as caught:
        load_toml(path, _Outer)
    assert len(caught.value.message) < 500
