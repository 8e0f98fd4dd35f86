"""Everything that can be held against everything else, by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from importlib import import_module

from feddmf.errors import FedDMFError, InputError, RunFailed
from feddmf.runfile import RunSettings
from feddmf_party.evaluating.federation import Federation
from feddmf_party.evaluating.outcome import OnRound, Outcome
from feddmf_party.evaluating.overrides import PROTOCOLS

__all__ = ["BASELINES", "CONTENDERS", "Run", "check_names", "load", "run_contender"]

Run = Callable[[Federation, RunSettings, OnRound], Outcome]

BASELINES = (
    *("independent", "centralised", "centralised_paper", "centralised_als"),
    *("random", "popularity", "popularity_x_activity"),
)
"""What is no protocol of the product."""

_TRAIN_WITH_TORCH = ("feddmf", "fedavg", "independent", "centralised", "centralised_paper")

CONTENDERS = (*PROTOCOLS, *BASELINES)
"""Every name, protocols first."""


def check_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return `names`; InputError where one is no contender, is named twice, or there is none."""
    for name in names:
        if name not in CONTENDERS:
            near = difflib.get_close_matches(name, CONTENDERS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(CONTENDERS)}"
            raise InputError(f"no protocol or baseline {name!r}", hint=hint)
        if names.count(name) > 1:
            raise InputError(f"protocol {name} is named twice", hint="name each once")
    if not names:
        raise InputError("no protocol is named", hint=f"choose from {', '.join(CONTENDERS)}")
    return tuple(names)


def run_contender(name: str, federation: Federation, settings: RunSettings, on_round: OnRound) -> Outcome:
    """Run one contender on one split.

    Raises InputError where a protocol cannot run on it, RunFailed where it fails; both name it and the seed.
    """
    at = f"{name} at seed {settings.seed}"
    if name in PROTOCOLS:
        _require_overlap(at, federation)
    try:
        return load(name)(federation, settings, on_round)
    except RunFailed as error:
        raise RunFailed(f"{at}: {error.message}", hint=_hint(name, error)) from error
    except InputError as error:
        raise InputError(f"{at}: {error.message}", hint=_hint(name, error)) from error


def _hint(name: str, error: FedDMFError) -> str:
    """Return the hint of a run, in the words of this command."""
    return f"{error.hint} (a key of the run file is given with --set), or evaluate without {name}"


def _require_overlap(at: str, federation: Federation) -> None:
    """Raise InputError where a party shares no item with anybody, and so can learn from nobody."""
    for party, company in federation.companies.items():
        if len(company.own) == len(company.keys):
            raise InputError(
                f"{at}: {party} shares no item with another party, and a protocol needs some",
                hint=f"raise --matched, lower --validation-share, or evaluate {', '.join(BASELINES)} only",
            )


def load(name: str) -> Run:
    """Return the code of one contender, with torch loaded, which takes a second, only where it trains."""
    if name in _TRAIN_WITH_TORCH:
        import_module("feddmf.training")
    if name in PROTOCOLS:
        from feddmf_party.evaluating.federated import run_federated

        return run_federated
    if name == "centralised":
        from feddmf_party.evaluating.tuned import run_tuned

        return run_tuned
    if name in {"independent", "centralised_paper"}:
        from feddmf_party.evaluating import deepmf

        return deepmf.run_independent if name == "independent" else deepmf.run_centralised_paper
    if name == "centralised_als":
        from feddmf_party.evaluating.als import run_centralised_als

        return run_centralised_als
    from feddmf_party.evaluating import baselines

    return {
        "random": baselines.run_random,
        "popularity": baselines.run_popularity,
        "popularity_x_activity": baselines.run_popularity_x_activity,
    }[name]
