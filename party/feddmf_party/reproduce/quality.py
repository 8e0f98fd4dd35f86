"""What each part of the default recipe is worth: one setting at a time, beside what it must beat."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from feddmf_party.evaluating.contenders import run_contender
from feddmf_party.evaluating.main import SplitOptions, federate, party_names
from feddmf_party.evaluating.measuring import measure
from feddmf_party.evaluating.overrides import parse_overrides, settings_for
from feddmf_party.reproduce.cells import load
from feddmf_party.reproduce.experiment import Experiment, Options, Row, Told
from feddmf_party.reproduce.quality_report import draw, section
from feddmf_party.reproduce.work import work_off

__all__ = ["QUALITY", "VARIANTS", "Variant"]

FIGURES = (
    *("roc_auc", "user_roc_auc", "average_precision", "f1_at_chosen", "f1_best"),
    *("brier_skill", "top_decile_calibration_error"),
    *("hidden_roc_auc", "hidden_roc_auc_lower", "hidden_roc_auc_upper", "hidden_covers"),
    *("rounds", "bytes_sent"),
)
_COLUMNS = ("data", "group", "variant", "contender", "set", "seed", *FIGURES)
_DATA = ("ml-latest-small", "online-retail")
# With so few steps or exchanges nobody can tell whether a party follows.
_REPORT = "enforcement.not_following=report"


@dataclass(frozen=True)
class Variant:
    """A contender with keys of the run file; `--set` of `feddmf evaluate` takes each of `settings`.

    data: on which data sets it is run; the second one takes twice as long.
    """

    group: str
    name: str
    contender: str = "feddmf"
    settings: tuple[str, ...] = ()
    data: tuple[str, ...] = _DATA


_FIRST = _DATA[:1]
_QUICK = ("default", "transfer", "fcf", "popularity x activity")
VARIANTS = (
    Variant("recipes", "default"),
    Variant("recipes", "default, full linear rank", settings=("linear_rank=full",)),
    Variant("recipes", "embedding", settings=("recipe=embedding",)),
    Variant("recipes", "paper", settings=("recipe=paper",), data=_FIRST),
    Variant("to beat", "transfer", "transfer"),
    Variant("to beat", "transfer, full rank", "transfer", ("transfer.rank=1024",)),
    Variant("to beat", "fcf", "fcf"),
    Variant("to beat", "centralised DeepMF, tuned", "centralised"),
    Variant("to beat", "centralised DeepMF, paper's", "centralised_paper", ("recipe=paper",), _FIRST),
    Variant("to beat", "popularity x activity", "popularity_x_activity"),
    Variant("alignment", "cosine, beta 10", settings=("alignment.method=cosine",)),
    Variant("alignment", "cosine, beta 1000", settings=("alignment.method=cosine", "alignment.beta=1000")),
    Variant("alignment", "once", settings=("alignment.method=once",)),
    Variant("exchanges", "5 a training", settings=("alignment.max_rounds=5", _REPORT)),
    Variant("parts", "no linear part", settings=("linear_rank=0",)),
    Variant("parts", "linear rank 16", settings=("linear_rank=16",), data=_FIRST),
    Variant("parts", "no minimum support", settings=("transfer.min_support=1",), data=_FIRST),
    Variant("parts", "no hidden items: no head", settings=("alignment.hidden_share=0.0",)),
    Variant("parts", "no probe items", settings=("alignment.probe_share=0.0",), data=_FIRST),
    Variant("sizes", "32 numbers a vector", settings=("model.embedding_dim=32",), data=_FIRST),
    Variant("sizes", "128 numbers a vector", settings=("model.embedding_dim=128",), data=_FIRST),
    Variant("sizes", "5 epochs", settings=("training.epochs=5", _REPORT), data=_FIRST),
    Variant("sizes", "25 epochs", settings=("training.epochs=25",), data=_FIRST),
    Variant("sizes", "dropout .3", settings=("model.dropout=0.3",), data=_FIRST),
    Variant("sizes", "20 % hidden", settings=("alignment.hidden_share=0.2",), data=_FIRST),
)


@dataclass(frozen=True)
class _Task:
    data: str
    variant: Variant
    seed: int

    def __str__(self) -> str:
        return f"{self.data}  {self.variant.name}  seed {self.seed}"


def _run(options: Options, told: Told) -> Iterator[Row]:
    data = (options.dataset,) if options.quick else _DATA
    variants = [each for each in VARIANTS if not options.quick or each.name in _QUICK]
    tasks = [
        _Task(name, each, seed)
        for name in data
        for each in variants
        if options.quick or name in each.data
        for seed in options.seeds
    ]
    return work_off(partial(_measure, options=options), tasks, options.jobs, told)


def _measure(task: _Task, options: Options) -> Sequence[Row]:
    """Run one variant on the split that `feddmf evaluate` makes by this seed."""
    variant, dataset = task.variant, load(task.data, options.data_dir, quick=options.quick)
    federation = federate(dataset, SplitOptions(), task.seed)
    settings = settings_for(
        variant.contender, parse_overrides(variant.settings), parties=party_names(2), seed=task.seed
    )
    outcome = run_contender(variant.contender, federation, settings, lambda _: None)
    found = {
        **measure(federation, outcome),
        "rounds": float(outcome.rounds),
        "bytes_sent": float(outcome.bytes_sent),
    }
    return [
        {
            "data": task.data,
            "group": variant.group,
            "variant": variant.name,
            "contender": variant.contender,
            "set": " ".join(variant.settings),
            "seed": task.seed,
            **{figure: found[figure] for figure in FIGURES},
        }
    ]


QUALITY = Experiment(
    name="quality",
    title="What each part of the default recipe is worth",
    columns=_COLUMNS,
    run=_run,
    plot=draw,
    section=section,
)
