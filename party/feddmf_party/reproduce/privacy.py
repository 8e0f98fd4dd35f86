"""How well an attacker tells who is in the data: the recipes, and private releases under their ceilings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import numpy as np

from feddmf.catalogue.table import Catalogue
from feddmf.interactions import Interactions
from feddmf.members.item_release import released_codes
from feddmf.plan import PartyItems, Plan
from feddmf.privacy.attack_figures import Leak, leak_of
from feddmf.privacy.attack_statistics import gram_statistics
from feddmf.privacy.attacks import halves, likelihood_ratios
from feddmf.privacy.mechanism import STEP, GramRelease, exact_counts, exact_gram, item_weights
from feddmf.randomness import generator
from feddmf.runfile import RunSettings
from feddmf_party.attacking import Ceiling, Subject, attack
from feddmf_party.attacking_releases import alone
from feddmf_party.datasets.dataset import Dataset, codes
from feddmf_party.reproduce.cells import load
from feddmf_party.reproduce.experiment import Experiment, Options, Row, Told
from feddmf_party.reproduce.privacy_report import draw, section
from feddmf_party.reproduce.work import work_off

__all__ = ["CASES", "PRIVACY", "Case", "subject_for"]

_COLUMNS = (
    *("case", "seed", "models", "users", "users_a_model", "items"),
    *("auc", "auc_error", "auc_lower", "auc_upper", "tpr", "tpr_error", "tpr_lower", "tpr_upper"),
    *("epsilon", "delta", "auc_ceiling", "tpr_ceiling"),
)
_MODELS, _QUICK_MODELS = 32, 6
_QUICK = {"training": {"epochs": 2}}
_DELTA = 1e-5
_PARTY, _PEER = "own", "peer"


@dataclass(frozen=True)
class Case:
    """What is attacked; sections: of its run file; most_had: only so many items, those that most users have.

    has_noise: whether a private release is one; without noise it is but the matrix.
    """

    name: str
    sections: Mapping[str, Any] = field(default_factory=dict)
    most_had: int | None = None
    has_noise: bool = True


def _private(epsilon: float) -> Mapping[str, Any]:
    return {"privacy": {"mode": "gram", "epsilon": epsilon, "delta": _DELTA}}


CASES = (
    Case("paper", {"recipe": "paper"}),
    Case("default"),
    Case("transfer", {"protocol": "transfer"}),
    Case("Gram without noise", most_had=1000, has_noise=False),
    *(Case(f"private, epsilon {epsilon}", _private(epsilon), most_had=1000) for epsilon in (10, 4, 1)),
)


@dataclass(frozen=True)
class _Task:
    case: Case
    seed: int

    def __str__(self) -> str:
        return f"{self.case.name}  seed {self.seed}"


def subject_for(case: Case, data: Dataset, *, seed: int = 0, quick: bool = False) -> Subject:
    """Return one party of all users and items; a peer sells a random half, and is offered the rest."""
    users, keys = np.unique(data.pairs.users), np.unique(data.pairs.items)
    table = Interactions.from_pairs(
        codes(data.pairs.users, users), codes(data.pairs.items, keys), shape=(len(users), len(keys))
    )
    if case.most_had is not None:
        most = np.sort(np.argsort(-table.item_counts(), kind="stable")[: case.most_had])
        table, keys = table.columns(most), keys[most]
    shared = keys[generator(0, "privacy catalogue").permutation(len(keys))[: len(keys) // 2]]
    column = {key: key for key in keys.tolist()}
    catalogue = Catalogue(
        version=1, labels=column, columns={_PARTY: column, _PEER: {key: key for key in shared.tolist()}}
    )
    base = {"name": "audit", "purpose": "leakage", "parties": (_PARTY, _PEER), "seed": seed}
    settings = RunSettings.model_validate({**base, **case.sections, **(_QUICK if quick else {})})
    plan = alone(Plan(run="audit", catalogue=catalogue.digest(), settings=settings))
    items = PartyItems(plan, catalogue.view(_PARTY))
    return Subject(items, table, items.askable, np.arange(table.users))


def _run(options: Options, told: Told) -> Iterator[Row]:
    tasks = [_Task(case, seed) for case in CASES for seed in options.seeds]
    return work_off(partial(_measure, options=options), tasks, options.jobs, told)


def _measure(task: _Task, options: Options) -> Sequence[Row]:
    case, models = task.case, _QUICK_MODELS if options.quick else _MODELS
    data = load(options.dataset, options.data_dir, quick=options.quick)
    subject = subject_for(case, data, seed=task.seed, quick=options.quick)
    if case.has_noise:
        found = attack(subject, models=models, seed=task.seed)
        leak, ceiling = found.leak, found.ceiling
    else:
        leak, ceiling = _without_noise(subject, models, task.seed), None
    return [_row(task, subject, models, leak, ceiling)]


def _row(task: _Task, subject: Subject, models: int, leak: Leak, ceiling: Ceiling | None) -> Row:
    bound: dict[str, str | float] = dict.fromkeys(("epsilon", "delta", "auc_ceiling", "tpr_ceiling"), "")
    if ceiling is not None:
        bound = {
            "epsilon": ceiling.epsilon,
            # In the file six decimals are kept.
            "delta": f"{ceiling.delta:g}",
            "auc_ceiling": ceiling.auc,
            "tpr_ceiling": ceiling.tpr,
        }
    return {
        "case": task.case.name,
        "seed": task.seed,
        "models": models,
        "users": len(subject.targets),
        "users_a_model": subject.data.users // 2,
        "items": len(released_codes(subject.items, subject.offered)),
        **asdict(leak),
        **bound,
    }


def _without_noise(subject: Subject, models: int, seed: int) -> Leak:
    """Attack the matrix that a private release would be without its noise."""
    inside = halves(subject.data.users, models, seed)
    found = [
        gram_statistics(subject.data, _exact(subject.data.of_users(np.flatnonzero(those))))
        for those in inside
    ]
    return leak_of(likelihood_ratios(np.stack(found), inside), inside, seed)


def _exact(data: Interactions) -> GramRelease:
    counts = exact_counts(data).astype(np.float64) * STEP
    upper = exact_gram(data, item_weights(counts, 1.0)).astype(np.float64) * STEP
    return GramRelease(counts, np.triu(upper) + np.triu(upper, 1).T, 0.0, 1.0)


PRIVACY = Experiment(
    name="privacy",
    title="What releases tell of single users",
    columns=_COLUMNS,
    run=_run,
    plot=draw,
    section=section,
)
