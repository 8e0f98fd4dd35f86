"""What is suggested to who named what is not there."""

from __future__ import annotations

from feddmf_party.near import nearest


def test_names_are_suggested_and_numbers_are_not() -> None:
    """A slip in a word is seen; another number is another thing."""
    assert nearest("two-retialers-1", ["two-retailers-1", "spring"]) == "two-retailers-1"
    assert nearest("84879", ["84878", "84880"]) == ""
    assert nearest("85123A", ["85123B"]) == ""
    assert nearest("france", []) == ""
