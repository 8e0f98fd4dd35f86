"""An evaluation from start to end: every contender on every split, one row each, and what they come to."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from feddmf.errors import InputError
from feddmf.runfile import RunSettings
from feddmf_party.datasets.dataset import Dataset
from feddmf_party.datasets.split import Sharing, split
from feddmf_party.evaluating.als import ALS_PACKAGES
from feddmf_party.evaluating.attribute_table import AttributeTable
from feddmf_party.evaluating.attributes import (
    Attributed,
    add_attributes,
    measure_attributes,
)
from feddmf_party.evaluating.contenders import load, run_contender
from feddmf_party.evaluating.federation import Federation
from feddmf_party.evaluating.measuring import mean, measure, summarise
from feddmf_party.evaluating.optional import require
from feddmf_party.evaluating.overrides import PROTOCOLS, settings_for
from feddmf_party.evaluating.reference import REFERENCE_PACKAGES, reference_roc_auc

__all__ = ["Evaluation", "OnStep", "SplitOptions", "check", "federate", "party_names", "run_evaluation"]

# (contender, seed, what it has just done; "" at its end)
OnStep = Callable[[str, int, str], None]
Figures = dict[str, float]

_TWO = ("north", "south")


@dataclass(frozen=True)
class SplitOptions:
    """How a data set is dealt to parties; see `feddmf_party.datasets.split.split`."""

    parties: int = 2
    matched: float = 0.5
    user_share: float | None = None
    item_share: float | None = None
    sharing: Sharing = "all"
    validation: float = 0.05


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What is to be evaluated: contenders by name, on splits by the seeds 0..seeds-1.

    overrides: keys of a run file, nested; attributes: what `attribute_owner`, counted from 1, knows of users.
    """

    dataset: Dataset
    protocols: tuple[str, ...]
    seeds: int = 3
    split: SplitOptions = field(default_factory=SplitOptions)
    overrides: Mapping[str, Any] = field(default_factory=dict)
    attributes: AttributeTable | None = None
    attribute_owner: int = 2

    def settings(self, name: str, seed: int) -> RunSettings:
        """Return the run settings of contender `name`."""
        return settings_for(name, self.overrides, parties=party_names(self.split.parties), seed=seed)


@dataclass(frozen=True, eq=False)
class _Problem:
    federation: Federation
    attributed: Attributed | None


def party_names(count: int) -> tuple[str, ...]:
    """Return the names of `count` parties, in sorted order."""
    return _TWO if count == len(_TWO) else tuple(f"party-{number:02}" for number in range(1, count + 1))


def federate(dataset: Dataset, options: SplitOptions, seed: int) -> Federation:
    """Split `dataset` and return what the parties have in memory. Raises as `split` and `Federation.of`."""
    return _problem(dataset, options, seed).federation


def check(
    protocols: Sequence[str],
    options: SplitOptions,
    seeds: int,
    overrides: Mapping[str, Any],
    attribute_owner: int | None,
) -> None:
    """Find what is wrong with the choices alone, before any data is read; raises InputError.

    attribute_owner: None where there are no attributes.
    """
    if seeds < 1:
        raise InputError(f"{seeds} seeds are none", hint="choose 1 or more")
    if attribute_owner is not None:
        if not 1 <= attribute_owner <= options.parties:
            raise InputError(
                f"there is no party {attribute_owner} among {options.parties} to own the attributes",
                hint="count the parties from 1",
            )
        require(*REFERENCE_PACKAGES, what="the reference of attributes")
    for name in protocols:
        settings_for(name, overrides, parties=party_names(options.parties), seed=0)
    if "centralised_als" in protocols:
        require(*ALS_PACKAGES, what="centralised_als")


def run_evaluation(evaluation: Evaluation, on_step: OnStep = lambda *_: None) -> dict[str, Any]:
    """Run every contender on every split; return `rows`, `summary` and what they depend on.

    Raises InputError for what cannot be evaluated, and RunFailed where a run fails.
    """
    problems = [_problem_of(evaluation, seed) for seed in range(evaluation.seeds)]
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in evaluation.protocols}
    attributes: dict[str, list[Mapping[str, Figures]]] = {name: [] for name in evaluation.protocols}
    notes: list[str] = []
    for seed, problem in enumerate(problems):
        for name in evaluation.protocols:
            row, measured, said = _run(evaluation, problem, name, seed, on_step)
            # Splits differ little in this, and once is enough.
            notes += said if seed == 0 else ()
            rows[name].append(row)
            attributes[name].append(measured)
    summary: dict[str, Any] = {name: summarise(each) for name, each in rows.items()}
    if evaluation.attributes is not None:
        references = [_reference(evaluation.attributes, problem) for problem in problems]
        summary["attributes"] = _summarise_attributes(evaluation.protocols, attributes, references)
    companies = problems[0].federation.companies.values()
    return {
        "dataset": evaluation.dataset.name,
        "read": {
            "users": len(evaluation.dataset.users),
            "items": len(evaluation.dataset.items),
            "pairs": len(evaluation.dataset.pairs),
        },
        "notes": notes,
        "parties": evaluation.split.parties,
        "seeds": evaluation.seeds,
        "negatives": evaluation.settings(evaluation.protocols[0], 0).training.negatives,
        "validation_items": sum(len(company.validation) for company in companies),
        "skipped_attributes": _skipped(problems),
        "rows": [row for name in evaluation.protocols for row in rows[name]],
        "summary": summary,
    }


def _run(
    evaluation: Evaluation, problem: _Problem, name: str, seed: int, on_step: OnStep
) -> tuple[dict[str, Any], Mapping[str, Figures], tuple[str, ...]]:
    """Return the row of one contender on one split, its figures by attribute, and notes for people."""
    on_step(name, seed, "starts")
    load(name)  # before the clock starts
    began = time.perf_counter()
    outcome = run_contender(
        name,
        problem.federation,
        evaluation.settings(name, seed),
        lambda text: on_step(name, seed, text),
    )
    seconds = time.perf_counter() - began
    row = {
        "protocol": name,
        "seed": seed,
        **measure(problem.federation, outcome),
        "seconds": round(seconds, 3),
        "rounds": outcome.rounds,
        "bytes_sent": outcome.bytes_sent,
    }
    on_step(name, seed, "")
    if evaluation.attributes is None or problem.attributed is None:
        return row, {}, outcome.notes
    measured = measure_attributes(problem.federation, problem.attributed, evaluation.attributes, outcome)
    return row, measured, outcome.notes


def _problem_of(evaluation: Evaluation, seed: int) -> _Problem:
    problem = _problem(
        evaluation.dataset,
        evaluation.split,
        seed,
        table=evaluation.attributes,
        owner=evaluation.attribute_owner,
    )
    if not any(company.truth.any() for company in problem.federation.companies.values()):
        raise InputError(
            f"nothing is held back at seed {seed}: no user has an item that only another party sells",
            hint="lower --matched, or give more interactions",
        )
    return problem


def _problem(
    dataset: Dataset, options: SplitOptions, seed: int, *, table: AttributeTable | None = None, owner: int = 2
) -> _Problem:
    parties = party_names(options.parties)
    dealt = split(
        dataset.users,
        dataset.items,
        dataset.pairs,
        seed=seed,
        parties=parties,
        user_share=options.user_share,
        matched=options.matched,
        item_share=options.item_share,
        sharing=options.sharing,
        validation=options.validation,
    )
    if table is None:
        return _Problem(Federation.of(dealt, dataset.item_labels), None)
    attributed = add_attributes(dealt, table, parties[owner - 1])
    return _Problem(attributed.federation(dataset.item_labels), attributed)


def _reference(table: AttributeTable, problem: _Problem) -> Mapping[str, Figures]:
    if problem.attributed is None:
        return {}
    areas = reference_roc_auc(problem.federation, problem.attributed, table)
    return {name: {"reference_roc_auc": area} for name, area in areas.items()}


def _summarise_attributes(
    protocols: Sequence[str],
    found: Mapping[str, Sequence[Mapping[str, Figures]]],
    references: Sequence[Mapping[str, Figures]],
) -> dict[str, Any]:
    """Return means over the seeds: of the first protocol named, or else the first name, and of each."""
    first = next((name for name in protocols if name in PROTOCOLS), protocols[0])
    summary: dict[str, Any] = {}
    for attribute in sorted(set().union(*references)):
        each = {name: _mean_of(attribute, found[name]) for name in protocols}
        summary[attribute] = {**each[first], **_mean_of(attribute, references)}
        if len(protocols) > 1:
            summary[attribute]["by_protocol"] = each
    return summary


def _mean_of(attribute: str, seeds: Sequence[Mapping[str, Figures]]) -> Figures:
    """Return the mean of an attribute's figures over the seeds that have it."""
    having = [each[attribute] for each in seeds if attribute in each]
    return {figure: mean(each[figure] for each in having) for figure in having[0]}


def _skipped(problems: Sequence[_Problem]) -> list[str]:
    """Return the attributes that were too rare in some split."""
    return sorted(set().union(*(each.attributed.skipped for each in problems if each.attributed is not None)))
