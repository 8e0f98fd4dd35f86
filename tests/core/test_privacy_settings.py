"""The section [privacy] of a run file: what it can say, and with which protocols."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from feddmf.config import parse_settings
from feddmf.errors import ConfigError
from feddmf.privacy_settings import PrivacySettings
from feddmf.runfile import RunSettings
from support.runs import run_settings

GRAM = {"privacy": {"mode": "gram"}}


@pytest.mark.parametrize("epsilon", [float("inf"), float("nan"), 0, -1, 101, 1e300])
def test_an_epsilon_that_bounds_nothing_cannot_be_written(epsilon: float) -> None:
    """Nor one that is none."""
    with pytest.raises(ValidationError):
        PrivacySettings(mode="gram", epsilon=epsilon)


@pytest.mark.parametrize("delta", [0.0, 1e-12, 9.9e-10, 1e-4, 1.0, float("inf")])
def test_a_delta_that_would_not_hold_cannot_be_written(delta: float) -> None:
    """Over 1e-5 a user could be lost to it, and below 1e-9 the sampler is not exact enough."""
    with pytest.raises(ValidationError):
        PrivacySettings(mode="gram", delta=delta)
    assert PrivacySettings(mode="gram", delta=1e-9).delta == 1e-9


def test_bounds_without_a_mechanism_are_a_mistake() -> None:
    """Whoever writes epsilon = 1 and forgets the mode must not believe that anything is private."""
    with pytest.raises(ConfigError, match='epsilon and delta need mode = "gram"'):
        parse_settings({"epsilon": 1.0}, PrivacySettings, where="run.toml")
    assert not PrivacySettings().is_private


@pytest.mark.parametrize(
    "sections",
    [
        {"protocol": "fcf"},
        {"protocol": "fedavg"},
        {"protocol": "fedavg", "masks": True},
        {"recipe": "embedding"},
        {"recipe": "paper"},
        {"recipe": "default", "alignment": "once"},
        {"recipe": "default", "alignment": {"method": "cosine"}},
    ],
    ids=str,
)
def test_protocols_that_cannot_be_made_of_a_release_are_refused(sections: dict[str, Any]) -> None:
    """When the run file is read, and with what would do."""
    with pytest.raises(
        ValueError, match=r'privacy\.mode = "gram" needs protocol transfer, or protocol feddmf'
    ):
        run_settings(("acme", "bolt"), **sections, **GRAM)


@pytest.mark.parametrize("sections", [{"recipe": "default"}, {"protocol": "transfer"}], ids=str)
def test_the_default_recipe_and_transfer_can_be_private(sections: dict[str, Any]) -> None:
    """By one key."""
    settings = run_settings(("acme", "bolt"), **sections, **GRAM)
    assert isinstance(settings, RunSettings)
    assert settings.privacy.is_private
