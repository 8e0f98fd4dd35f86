"""Run files as forms: what is explained, what was typed, and that the file says the same."""

from __future__ import annotations

import tomllib

import pytest

from feddmf.runfile import RECIPES, RunSettings
from feddmf.settings_form import Key, check_typed, explain_run, read_typed, render_run

PROTOCOLS = ("feddmf", "fedavg", "fcf", "transfer")
TYPED = {"name": "spring", "purpose": "who buys what", "parties": "acme, bolt"}


def keys(protocol: str = "feddmf", recipe: str = "default") -> dict[str, Key]:
    """Return all keys of a form by path."""
    return {key.path: key for part in explain_run(protocol, recipe) for key in part.keys}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("recipe", RECIPES)
def test_every_default_is_what_a_run_gets(protocol: str, recipe: str) -> None:
    """Typed out, the defaults make the same run as none at all; each has a meaning."""
    sample = {**TYPED, "protocol": protocol, "recipe": recipe}
    plain, wrong = check_typed(read_typed(sample))
    found = keys(protocol, recipe)
    shown = {True: "yes", False: "no"}
    typed = {
        path: shown.get(key.default, str(key.default)) if isinstance(key.default, bool) else str(key.default)
        for path, key in found.items()
        if key.default is not None
    }
    written, also_wrong = check_typed(read_typed({**typed, **sample}))
    assert wrong == also_wrong == {}
    assert plain == written
    assert all(key.meaning for key in found.values())


def test_recipes_and_protocols_change_defaults_and_sections() -> None:
    """A form shows what the run takes anything from."""
    assert keys()["model.tower"].default == "history"
    assert keys(recipe="paper")["training.epochs"].default == 30
    assert [part.name for part in explain_run("fcf")] == ["", "fcf", "waits"]
    assert "alignment.beta" not in keys("fedavg")


def test_bounds_are_told_in_words() -> None:
    """Inclusive or not; words that a number may be as well; nothing where the kind says all."""
    told = {path: (key.kind, key.bounds) for path, key in {**keys("transfer"), **keys()}.items()}
    assert told["model.dropout"] == ("number", "from 0 below 1")
    assert told["training.learning_rate"] == ("number", "above 0 to 1")
    assert told["training.max_steps"] == ("whole number", "from 1 to 100,000,000")
    assert told["linear_rank"] == ("whole number", "from 0 to 1,024 or full")
    assert told["transfer.ridge"] == ("number", "above 0 to 1,000,000,000 or auto")
    assert told["privacy.epsilon"] == ("number", "from 0.05 to 15")
    assert told["alignment.method"] == ("choice", "tie or cosine or once")
    assert (told["masks"], told["parties"], told["name"]) == (("yes or no", ""), ("names", ""), ("text", ""))
    assert [path for path, key in keys().items() if key.required] == ["name", "purpose", "parties"]


def test_what_is_typed_becomes_the_run_file() -> None:
    """What was left empty is left out; the file, read again, makes the same run."""
    typed = {
        **TYPED,
        "purpose": 'who buys "what"',
        "training.epochs": " 7 ",
        "training.learning_rate": "1e-3",
        "linear_rank": "full",
        "privacy.epsilon": "",
        "waits.quorum_s": "2.5",
    }
    given = read_typed(typed)
    assert given == {
        "name": "spring",
        "purpose": 'who buys "what"',
        "parties": ["acme", "bolt"],
        "linear_rank": "full",
        "training": {"epochs": 7, "learning_rate": 1e-3},
        "waits": {"quorum_s": 2.5},
    }
    settings, wrong = check_typed(given)
    assert wrong == {}
    assert RunSettings.model_validate(tomllib.loads(render_run(given))) == settings


def test_each_wrong_key_is_told() -> None:
    """All of them, by their path; what is wrong with several stands under no key."""
    typed = {
        "name": "x",
        "parties": "acme",
        "protocol": "magic",
        "masks": "perhaps",
        "training.epochs": "0",
        "model.dropout": "half",
        "linear_rank": "2000",
    }
    settings, wrong = check_typed(read_typed(typed))
    assert settings is None
    assert set(wrong) == {
        "purpose",
        "parties",
        "protocol",
        "masks",
        "training.epochs",
        "model.dropout",
        "linear_rank",
    }
    assert wrong["purpose"] == "missing key"
    quorum = {**TYPED, "protocol": "fcf", "waits.quorum": "3"}
    assert set(check_typed(read_typed(quorum))[1]) == {""}
