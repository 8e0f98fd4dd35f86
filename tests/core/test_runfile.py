"""Run files: each mistake is named with file and key; a recipe is defaults that any key wins over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from feddmf.errors import ConfigError
from feddmf.runfile import RECIPES, AlignmentSettings, RunSettings, load_run
from support.runs import PARTIES, run_settings

LEAST = 'name = "r"\npurpose = "a test"\nparties = ["acme", "bolt"]\n'


def load(folder: Path, text: str) -> RunSettings:
    """Write `text` as a run file and load it."""
    (folder / "run.toml").write_text(text)
    return load_run(folder / "run.toml")


def test_the_least_run_file_has_every_default(tmp_path: Path) -> None:
    """Name, purpose and parties are enough; the rest are the defaults of the models."""
    run = load(tmp_path, LEAST)
    assert run == run_settings(("acme", "bolt"), name="r", recipe="default")
    assert (run.protocol, run.recipe, run.seed) == ("feddmf", "default", 0)
    assert run.alignment == AlignmentSettings()


@pytest.mark.parametrize(
    ("parties", "sections", "message"),
    [
        (3, {}, "waits.quorum needs protocol fedavg or fcf, .* feddmf needs everybody"),
        (3, {"protocol": "transfer"}, "waits.quorum needs protocol .* transfer needs everybody"),
        (3, {"protocol": "fcf", "masks": True}, "waits.quorum needs masks = false"),
        (
            2,
            {"protocol": "fcf", "waits": {"quorum": 1}},
            "quorum = 1 of 2 parties; it takes 2 at least",
        ),
        (2, {"protocol": "fcf", "waits": {"quorum": 3}}, "waits.quorum = 3 of 2 parties"),
    ],
)
def test_a_quorum_that_cannot_be_is_refused(parties: int, sections: dict[str, Any], message: str) -> None:
    """With why: protocols that measure each party against all, masks, too few, and more than there are."""
    with pytest.raises(ValidationError, match=message):
        run_settings(PARTIES[:parties], **{"waits": {"quorum": 2}, **sections})
    for protocol in ("fedavg", "fcf"):
        assert run_settings(PARTIES[:3], protocol=protocol, waits={"quorum": 2}).waits.quorum == 2


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("sed = 1", "unknown key sed", "did you mean 'seed'?"),
        ("[training]\nepoch = 3", r"unknown key training\.epoch", "did you mean 'epochs'?"),
        (
            "[alignment]\nqqqq = 3",
            r"unknown key alignment\.qqqq",
            "known keys here: beta, encoding, hidden_share,",
        ),
        ("[training]\nepochs = 'many'", r"key training\.epochs = 'many'", "mend training.epochs"),
        ("[training]\nepochs = 0", r"key training\.epochs = 0: .* greater than or equal to 1", "mend"),
        ("[training]\nepochs = 2.5", r"key training\.epochs = 2\.5", "mend"),
        ("[training]\nlearning_rate = nan", r"key training\.learning_rate = nan", "mend"),
        ("[alignment]\nmargin = 2.0", r"key alignment\.margin = 2\.0: .* less than 2", "mend"),
        ("[model]\ndropout = 1.0", r"key model\.dropout = 1\.0", "mend"),
        ("training = 3", "key training = 3", "mend training"),
        ("recipe = 'best'", "key recipe = 'best': .* 'default', 'embedding' or 'paper'", "mend recipe"),
        ("protocol = 'median'", "key protocol = 'median'", "mend protocol"),
        ("[enforcement]\nnot_following = 'shrug'", r"key enforcement\.not_following = 'shrug'", "mend"),
        ("seed = -1", "key seed = -1", "mend seed"),
    ],
)
def test_each_mistake_is_named_with_its_key(tmp_path: Path, text: str, message: str, hint: str) -> None:
    """An unknown key, a wrong type and a value out of range say which key, and what to do."""
    with pytest.raises(ConfigError, match=rf"run\.toml: {message}") as caught:
        load(tmp_path, LEAST + text)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "missing key name"),
        (LEAST.replace("name", "nam"), "missing key name"),
        (LEAST.replace('["acme", "bolt"]', '["acme"]'), "key parties"),
        (LEAST.replace('["acme", "bolt"]', '["acme", "Bolt"]'), r"key parties\.1 = 'Bolt'"),
        (LEAST.replace('["acme", "bolt"]', '["acme", "a/../b"]'), r"key parties\.1"),
        (LEAST.replace('["acme", "bolt"]', '["acme", "acme"]'), "parties names the same party twice"),
        ("name = 'a'\nseed = ?", r"run\.toml: not valid TOML: .*line 2"),
        ("name = '\udcff'", "not UTF-8"),
    ],
)
def test_a_run_file_that_cannot_be_used_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """Missing keys, impossible parties, and a file that is no TOML are named."""
    path = tmp_path / "run.toml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match=message):
        load_run(path)


def test_the_paper_recipe_sets_the_papers_numbers() -> None:
    """The recipe `paper` is embedding 32, hidden 64, Adam 1e-3, batch 32, 30 epochs, beta 100, m 0.2."""
    run = run_settings(("acme", "bolt"), recipe="paper")
    assert (run.model.embedding_dim, run.model.hidden_dim) == (32, 64)
    training = run.training
    assert (training.epochs, training.batch_size, training.learning_rate) == (30, 32, 1e-3)
    assert (run.alignment.beta, run.alignment.margin, run.alignment.probe_share) == (100, 0.2, 0)


@pytest.mark.parametrize("alignment", [{"beta": 7}, AlignmentSettings(beta=7)])
def test_a_key_wins_over_the_recipe(alignment: Any) -> None:
    """A key that the run file gives stands; the recipe's other defaults of its section stand too."""
    run = run_settings(("acme", "bolt"), recipe="paper", alignment=alignment)
    assert (run.alignment.beta, run.alignment.margin) == (7, 0.2)


@pytest.mark.parametrize("recipe", RECIPES)
def test_settings_survive_json(recipe: str) -> None:
    """Settings that travel as JSON come back equal: what was resolved is not resolved again."""
    run = run_settings(("acme", "bolt"), recipe=recipe, training={"epochs": 3}, alignment={"margin": 0.0})
    assert RunSettings.model_validate_json(run.model_dump_json()) == run


def test_settings_cannot_be_changed() -> None:
    """A run's settings are frozen, its sections too."""
    run = run_settings(("acme", "bolt"))
    with pytest.raises(ValueError, match="frozen"):
        run.seed = 1
    with pytest.raises(ValueError, match="frozen"):
        run.training.epochs = 1


@pytest.mark.parametrize(
    ("epochs", "syncs", "most", "rounds"), [(2, 3, 100, 6), (30, 5, 100, 100), (1, 1, 100, 1)]
)
def test_exchanges_are_capped(epochs: int, syncs: int, most: int, rounds: int) -> None:
    """A run has epochs x syncs_per_epoch exchanges, and never more than max_rounds."""
    run = run_settings(
        ("acme", "bolt"),
        training={"epochs": epochs},
        alignment={"syncs_per_epoch": syncs, "max_rounds": most},
    )
    assert run.rounds == rounds
