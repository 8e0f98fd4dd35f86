"""Keys of the run file as they are given to an evaluation."""

from __future__ import annotations

import pytest

from feddmf.errors import ConfigError, InputError
from feddmf_party.evaluating.overrides import PROTOCOLS, parse_overrides, settings_for

PARTIES = ("north", "south")


def test_values_are_read_as_in_a_run_file() -> None:
    """Numbers, words and sections; the last of two wins; what is not given is the recipe's."""
    given = ["training.epochs=2", "recipe = paper", "fcf.rank=10", "training.epochs=3", "alignment.beta=.5"]
    overrides = parse_overrides(given)
    settings = settings_for("fcf", overrides, parties=PARTIES, seed=4)
    assert (settings.protocol, settings.seed, settings.parties) == ("fcf", 4, PARTIES)
    assert (settings.training.epochs, settings.training.negatives) == (3, 1)
    assert (settings.fcf.rank, settings.alignment.beta, settings.alignment.margin) == (10, 0.5, 0.2)


@pytest.mark.parametrize("name", [*PROTOCOLS, "random", "centralised"])
def test_every_contender_has_settings(name: str) -> None:
    """A protocol has its own; a baseline those of a run, without what only protocols can do."""
    settings = settings_for(name, {}, parties=PARTIES, seed=0)
    assert settings.protocol == (name if name in PROTOCOLS else "feddmf")
    assert settings_for("random", {"masks": True}, parties=PARTIES, seed=0).masks is False


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        (["epochs"], "--set epochs is not KEY=VALUE", "training.epochs=2"),
        (["=2"], "--set =2 is not KEY=VALUE", "training.epochs=2"),
        (["seed=2"], "seed is set by --seeds", "leave it out"),
        (["protocol=fcf"], "protocol is set by --protocol", "leave it out"),
        (["training=3", "training.epochs=3"], "training is a value too", "keep one"),
    ],
)
def test_what_is_no_override_is_named(given: list[str], message: str, hint: str) -> None:
    """What is no pair, or is decided by an option of the command."""
    with pytest.raises(InputError, match=message) as caught:
        parse_overrides(given)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("given", "message", "hint"),
    [
        ("training.epoch=2", "unknown key training.epoch", "did you mean 'epochs'?"),
        ("fcf.rnak=2", "unknown key fcf.rnak", "did you mean 'rank'?"),
        ("traning.epochs=2", "unknown key traning", "did you mean 'training'?"),
        ("training.epochs=many", "training.epochs = 'many'", "mend training.epochs"),
        ("fcf.alpha=-1", "fcf.alpha = -1", "mend fcf.alpha"),
    ],
)
def test_a_key_that_the_run_file_lacks_is_named(given: str, message: str, hint: str) -> None:
    """The nearest key is offered; values are held to their bounds."""
    with pytest.raises(ConfigError, match=message) as caught:
        settings_for("fcf", parse_overrides([given]), parties=PARTIES, seed=0)
    assert hint in caught.value.hint
