"""What a run is called, by its name."""

from __future__ import annotations

import pytest

from feddmf.run_ids import plain_name


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("First federation", "first-federation"),
        ("  ../Café № 2! ", "caf-2"),
        ("...", "run"),
        ("x" * 100, "x" * 80),
    ],
)
def test_a_name_becomes_plain_letters(name: str, plain: str) -> None:
    """Fit for a folder and for a certificate's reader; never empty."""
    assert plain_name(name) == plain
