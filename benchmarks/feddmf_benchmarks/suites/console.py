"""What an analyst waits for at a large party: the list of attributes, previews of audiences, kept scores."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from feddmf_benchmarks.comparing import compare
from feddmf_benchmarks.contender import Contender, Work
from feddmf_benchmarks.finished_runs import Size
from feddmf_benchmarks.measured_runs import write_party
from feddmf_benchmarks.row import Row, Scale
from feddmf_party.api import analysts
from feddmf_party.api.bodies import WantedQuestion
from feddmf_party.api.desk import Desk
from feddmf_party.folder import PartyFolder
from feddmf_party.tokens import Holder, Role

__all__ = ["rows", "rows_of"]

_SIZES = {
    Scale.SMALL: Size(20_000, 100, 1_000, 10),
    Scale.USUAL: Size(200_000, 500, 10_000, 20),
    Scale.FULL: Size(1_000_000, 2_000, 20_000, 50),
}
_PAGE = 50
# Attributes that are asked for in turn.
_ASKED = 12
_ANALYST = Holder(name="bench", role=Role.ANALYST)
# What an analyst should wait at most, in seconds.
_PAGE_BAR, _PREVIEW_BAR = 0.3, 1.0


@dataclass(frozen=True)
class _Question:
    """One attribute, or three that are combined."""

    name: str
    several: bool

    def bodies(self) -> Iterator[Mapping[str, Any]]:
        """Yield questions about one attribute after another, for ever."""
        for number in itertools.count():
            keys = [f"a{(number + more) % _ASKED:06}" for more in range(3)]
            criteria = {"all": keys[:1], "any": keys[1:2], "none": keys[2:]}
            wanted = {"criteria": criteria} if self.several else {"attribute": keys[0]}
            yield {**wanted, "size": 1_000, "anyway": True}


_ONE = _Question("one attribute", several=False)
_THREE = _Question("three attributes combined", several=True)


def rows(scale: Scale) -> list[Row]:
    """Return the rows of the suite."""
    return rows_of(_SIZES[scale])


def rows_of(size: Size, *, turns: int = 7) -> list[Row]:
    """Measure a party of this size; kept scores are held against the same without them."""
    found = []
    with tempfile.TemporaryDirectory(prefix="feddmf-bench-") as name:
        folder = Path(name) / "party"
        # What this process ever held counts as held by those that it starts: it holds nothing large.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as elsewhere:
            elsewhere.submit(write_party, folder, size).result()
        told = f"first {_PAGE} of {size.attributes:,}, to be below {_PAGE_BAR:g} s"
        found += compare(
            (Contender(f"attributes with their evidence, {told}", partial(_attributes, folder)),),
            unit="s",
            limit=_PAGE_BAR,
            per_second=False,
            rounds=turns,
        )
        for question in (_ONE, _THREE):
            what = f"{question.name}, {size.users:,} users"
            bar = f"to be below {_PREVIEW_BAR:g} s"
            found += compare(
                (
                    Contender(f"preview from kept scores, {what}, {bar}", partial(_kept, folder, question)),
                    Contender(f"preview, scores computed, {what}", partial(_live, folder, question)),
                ),
                unit="s",
                limit=_PREVIEW_BAR,
                per_second=False,
                rounds=turns,
            )
        found += compare(
            (Contender(f"an attribute's scores computed and kept, {size}", partial(_filling, folder)),),
            unit="s",
            per_second=False,
            rounds=turns,
        )
    return found


def _desk(folder: Path, *, most_gb: int = 16) -> Desk:
    # Others ask meanwhile, and what they keep is theirs.
    home = PartyFolder(Path(tempfile.mkdtemp(dir=folder.parent)) / "party")
    shutil.copytree(folder / "runs", home.runs, copy_function=os.link)
    home.settings_file.write_text(f'[data]\npath = "none.csv"\n\n[scores]\nmost_gb = {most_gb}\n')
    desk = Desk(home)
    # As the server does while nobody asks: loads the run, and looks at what was measured of it.
    desk.loaded(None).questions.look_ahead()
    return desk


def _attributes(folder: Path) -> Work:
    desk = _desk(folder)

    def work() -> float:
        return float(len(asyncio.run(analysts.attributes(desk, _ANALYST, limit=_PAGE)).attributes))

    return work


def _kept(folder: Path, question: _Question) -> Work:
    """Return the work of a preview whose scores are kept."""
    return _preview(_desk(folder), question, warm=_ASKED)


def _live(folder: Path, question: _Question) -> Work:
    """Return the work of a preview that computes its scores; of hidden items it knows as much."""
    return _preview(_desk(folder, most_gb=0), question, warm=1)


def _preview(desk: Desk, question: _Question, *, warm: int) -> Work:
    asked = (WantedQuestion.model_validate(body) for body in question.bodies())

    def work() -> float:
        return float(asyncio.run(analysts.preview(desk, _ANALYST, next(asked))).size)

    for _ in range(warm):
        work()
    return work


def _filling(folder: Path) -> Work:
    desk = _desk(folder)
    questions = desk.loaded(None).questions
    attributes = iter(questions.predictor.attributes()[_ASKED:])
    questions.keep_scores(next(attributes))

    def work() -> float:
        return float(bool(questions.keep_scores(next(attributes))))

    return work
