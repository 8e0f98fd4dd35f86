"""Noise is the system's: nothing that a file, a plan or a command line says can bring in another."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from typing import get_args

from pydantic import BaseModel

from feddmf.plan import Plan
from feddmf.privacy.noise import SystemNoise
from feddmf_party import private_release, seat
from feddmf_party.policy import Policy
from feddmf_party.private_release import PrivateRelease
from feddmf_party.settings import PartySettings
from support.sources import sources


def fields(model: type[BaseModel], path: str) -> Iterator[tuple[str, object]]:
    """Yield path and annotation of every field of settings, those of their sections too."""
    for name, field in model.model_fields.items():
        yield f"{path}.{name}", field.annotation
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from fields(kind, f"{path}.{name}")


def test_no_setting_is_noise_or_names_a_source_of_it() -> None:
    """Of run files and plans, of policy.toml and party.toml; seed is of training, which noise never sees."""
    found = [each for model in (Plan, Policy, PartySettings) for each in fields(model, model.__name__)]
    assert len(found) > 80
    for path, annotation in found:
        assert "noise" not in path.lower()
        assert "sampler" not in path.lower()
        assert "Noise" not in str(annotation)
        assert "Callable" not in str(annotation)


def test_the_product_hands_no_noise_in() -> None:
    """What draws a release has the system's by default, and no call outside tests says another."""
    assert inspect.signature(PrivateRelease).parameters["noise"].default.__class__ is SystemNoise
    made = 0
    for source in (*sources("feddmf"), *sources("feddmf_party")):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"PrivateRelease", "draw_once"}:
                made += 1
                assert "noise" not in {word.arg for word in node.keywords}, source.module
                assert len(node.args) <= 3, source.module
    assert made == 3
    assert "noise" not in inspect.signature(private_release.kept_release).parameters
    assert "noise" not in inspect.signature(seat.take_seat).parameters
