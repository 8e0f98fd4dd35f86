"""Measure variants on a public data set, e.g. `python -m benchmarks.towers --dataset ml-latest-small`."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from benchmarks.towers.features import FIFTH
from benchmarks.towers.measuring import Figures, measure_features, measure_towers
from benchmarks.towers.variants import VARIANTS

from feddmf.errors import FedDMFError
from feddmf_party.datasets.registry import DATASETS, load_dataset


def main(arguments: Sequence[str]) -> int:
    """Print the means over the seeds as a Markdown table, each as it comes aside; return the exit status."""
    given = _parser().parse_args(arguments)
    known = FIFTH if given.features else VARIANTS
    names = given.only.split(",") if given.only else list(known)
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no {unknown[0]!r}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    training = {"epochs": given.epochs, "max_steps": given.max_steps}
    overrides = {"training": {name: value for name, value in training.items() if value is not None}}
    measure = measure_features if given.features else measure_towers
    found: dict[str, list[Figures]] = defaultdict(list)
    try:
        dataset = load_dataset(given.dataset)
        for seed in given.seeds:
            for name, figures in measure(dataset, seed, names, overrides):
                found[name].append(figures)
                said = ", ".join(f"{column} {value:.4f}" for column, value in figures.items())
                print(f"seed {seed}, {name}: {said}", file=sys.stderr, flush=True)
    except FedDMFError as error:
        print(error, file=sys.stderr)
        return 1
    print(_table(found))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.towers", description=__doc__)
    parser.add_argument("--dataset", default="ml-latest-small", choices=sorted(DATASETS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[5])
    parser.add_argument("--features", action="store_true", help="features of the head, on test cells")
    parser.add_argument("--only", help="names, with commas between them; all without it")
    parser.add_argument("--epochs", type=int, help="of the base; the product's without it")
    parser.add_argument("--max-steps", type=int, help="cap on the steps of a training")
    return parser


def _table(found: dict[str, list[Figures]]) -> str:
    columns = list(next(iter(found.values()))[0])
    lines = [f"| variant | {' | '.join(columns)} |", f"|:--|{'--:|' * len(columns)}"]
    for name, seeds in found.items():
        means = [float(np.mean([each[column] for each in seeds])) for column in columns]
        lines.append(f"| {name} | {' | '.join(f'{mean:.4f}' for mean in means)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
