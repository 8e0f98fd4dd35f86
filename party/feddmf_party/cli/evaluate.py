"""`feddmf evaluate`: protocols and baselines side by side on one data set."""

from __future__ import annotations

import enum
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from feddmf.cli.output import FormatOption, OutputFormat, say, show
from feddmf.cli.progress import LiveProgress
from feddmf.errors import InputError
from feddmf.files import write_text
from feddmf.progress import Progress, Tally

if TYPE_CHECKING:
    from feddmf_party.datasets.dataset import Dataset
    from feddmf_party.evaluating.main import SplitOptions

__all__ = ["evaluate"]

_SHOWN = 5
_EVEN = "as much as any other's"


class _Sharing(enum.StrEnum):
    """Who sells a matched item."""

    ALL = "all"
    SUBSETS = "subsets"


_Dataset = Annotated[str | None, typer.Option("--dataset", help="A public data set: feddmf data list.")]
_Table = Annotated[
    Path | None, typer.Option("--interactions", help="Instead: a CSV or Parquet table, one row a pair.")
]
_UserColumn = Annotated[str, typer.Option("--user-column", help="Column of the users' ids in such tables.")]
_ItemColumn = Annotated[
    str | None, typer.Option("--item-column", help="Column of the items' ids.", show_default="item")
]
_ValueColumn = Annotated[
    str | None, typer.Option("--value-column", help="Column with a number for each row, such as a rating.")
]
_MinValue = Annotated[
    float | None, typer.Option("--min-value", help="Leave out rows with a smaller number there.")
]
_Attributes = Annotated[
    Path | None,
    typer.Option("--user-attributes", help="Table with one row a user; its other columns are attributes."),
]
_Owner = Annotated[
    int, typer.Option("--attribute-owner", min=1, help="Party, from 1, that alone knows the attributes.")
]
_Bins = Annotated[
    list[str] | None,
    typer.Option("--bins", help="COLUMN=EDGE,EDGE for a column of numbers there: age=25,40,65; repeatable."),
]
_Protocols = Annotated[
    list[str] | None,
    typer.Option(
        "--protocol",
        help="Protocols and baselines, with commas between them or one by one.",
        show_default="feddmf",
    ),
]
_Parties = Annotated[int, typer.Option("--parties", min=2, max=16, help="How many companies there are.")]
_Matched = Annotated[float, typer.Option("--matched", help="Share of the items that several parties sell.")]
_UserShare = Annotated[
    float | None,
    typer.Option("--user-share", help="The first party's share of the users.", show_default=_EVEN),
]
_ItemShare = Annotated[
    float | None,
    typer.Option("--item-share", help="The first party's share of all other items.", show_default=_EVEN),
]
_SharingOption = Annotated[
    _Sharing, typer.Option("--sharing", help="Who sells a matched item: all, or a random two or more.")
]
_Validation = Annotated[
    float,
    typer.Option("--validation-share", help="Share of matched items given up to choose thresholds on."),
]
_Seeds = Annotated[int, typer.Option("--seeds", min=1, max=1000, help="How many splits, by seeds from 0.")]
_Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="KEY=VALUE of the run file, such as training.epochs=2; repeatable."),
]
_Out = Annotated[Path | None, typer.Option("--out", help="Write the rows here too, as CSV.")]
_DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Where data sets are; then FEDDMF_DATA_DIR, ./data, the cache."),
]


def evaluate(
    *,
    dataset: _Dataset = None,
    interactions: _Table = None,
    user_column: _UserColumn = "user",
    item_column: _ItemColumn = None,
    value_column: _ValueColumn = None,
    min_value: _MinValue = None,
    user_attributes: _Attributes = None,
    attribute_owner: _Owner = 2,
    bins: _Bins = None,
    protocol: _Protocols = None,
    parties: _Parties = 2,
    matched: _Matched = 0.5,
    user_share: _UserShare = None,
    item_share: _ItemShare = None,
    sharing: _SharingOption = _Sharing.ALL,
    validation_share: _Validation = 0.05,
    seeds: _Seeds = 3,
    set_: _Set = None,
    out: _Out = None,
    data_dir: _DataDir = None,
    output: FormatOption = OutputFormat.TEXT,
) -> None:
    """Hold protocols and baselines against each other on one data set.

    Protocols: feddmf, fedavg, fcf, transfer.

    Baselines: independent, centralised, centralised_paper, centralised_als, random,
    popularity, popularity_x_activity.

    Each is scored on all cells of users x what it does not sell and others do.
    """
    # Only this command needs what trains and measures.
    from feddmf_party.evaluating.attribute_table import parse_bins, read_attributes
    from feddmf_party.evaluating.main import Evaluation, SplitOptions, run_evaluation

    split = SplitOptions(parties, matched, user_share, item_share, sharing.value, validation_share)
    asked = ",".join(protocol or ["feddmf"])
    names, overrides = _choices(asked, set_, split, seeds, attribute_owner if user_attributes else None)
    edges = parse_bins(bins or [])
    if edges and user_attributes is None:
        raise InputError("--bins is for --user-attributes", hint="leave --bins out, or name the table")
    _check_out(out, inputs=(interactions, user_attributes))
    columns = (user_column, item_column, value_column)
    with LiveProgress() as progress:
        data = _load(dataset, interactions, data_dir, columns, min_value, progress=progress)
    known = read_attributes(user_attributes, user_column, edges) if user_attributes else None
    evaluation = Evaluation(data, names, seeds, split, overrides, known, attribute_owner)
    with LiveProgress() as progress:
        found = run_evaluation(evaluation, _Steps(progress, len(names) * seeds).step)
    _report(found, names, out, output)


class _Steps:
    """Contenders done of all, and what the current one has just done."""

    def __init__(self, progress: LiveProgress, total: int) -> None:
        self._progress, self._tally = progress, Tally(progress, total, "contenders")

    def step(self, name: str, seed: int, text: str) -> None:
        """Show what a contender has just done; nothing more once it has ended."""
        self._progress.detail(f"{name}, seed {seed}  {text}")
        if not text:
            self._tally.add(1)


def _choices(
    protocol: str, given: list[str] | None, split: SplitOptions, seeds: int, owner: int | None
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return contenders and run settings; InputError for what cannot be, before any data is read."""
    from feddmf_party.evaluating.contenders import check_names
    from feddmf_party.evaluating.main import check
    from feddmf_party.evaluating.overrides import parse_overrides

    names = check_names([name.strip() for name in protocol.split(",") if name.strip()])
    overrides = parse_overrides(given or [])
    check(names, split, seeds, overrides, owner)
    return names, overrides


def _load(
    dataset: str | None,
    interactions: Path | None,
    data_dir: Path | None,
    columns: tuple[str, str | None, str | None],
    min_value: float | None,
    *,
    progress: Progress,
) -> Dataset:
    """Read the data set or the table that was named."""
    from feddmf_party.datasets import load_dataset
    from feddmf_party.evaluating.sources import read_table

    user_column, item_column, value_column = columns
    if (dataset is None) == (interactions is None):
        raise InputError(
            "name either --dataset or --interactions" + (", not both" if dataset else ""),
            hint="feddmf evaluate --dataset ml-latest-small, or --interactions FILE",
        )
    if interactions is not None:
        return read_table(
            interactions,
            user_column=user_column,
            item_column=item_column or "item",
            value_column=value_column,
            min_value=min_value,
        )
    given = {"--item-column": item_column, "--value-column": value_column, "--min-value": min_value}
    for option, value in given.items():
        if value is not None:
            raise InputError(f"{option} is for --interactions", hint=f"leave {option} out with --dataset")
    assert dataset is not None  # noqa: S101  (exactly one of the two is named)
    return load_dataset(dataset, data_dir, progress=progress)


def _check_out(out: Path | None, inputs: tuple[Path | None, ...]) -> None:
    """Raise InputError where no file can be, or an input is: before the training, and not after it."""
    if out is None:
        return
    if out.resolve() in {path.resolve() for path in inputs if path is not None}:
        raise InputError(f"{out} is the table that is read", hint="name another place with --out")
    there = next(path for path in (out.absolute().parent, *out.absolute().parents) if path.exists())
    if out.is_dir() or not there.is_dir() or not os.access(out if out.exists() else there, os.W_OK):
        raise InputError(f"{out} cannot be a file", hint="name another place with --out")


def _report(data: dict[str, Any], names: tuple[str, ...], out: Path | None, output: OutputFormat) -> None:
    from feddmf_party.evaluating.showing import note, rows_csv, tables

    rare: list[str] = data["skipped_attributes"]
    if rare:
        more = f" and {len(rare) - _SHOWN} more" if len(rare) > _SHOWN else ""
        say(f"left out for want of users on one side: {', '.join(rare[:_SHOWN])}{more}")
    for each in data["notes"]:
        say(each)
    if not data["validation_items"]:
        say("no item is given up for validation, so no threshold is chosen: F1 chosen has no value")
    if out is not None:
        write_text(out, rows_csv(data["rows"]))
    if output is OutputFormat.JSON:
        show(data, output, str)
        return
    for made in (*tables(data, names), "\n" + note(data)):
        show({}, output, lambda made=made: made)  # type: ignore[misc]
