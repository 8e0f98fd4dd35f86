"""The experiments by name."""

from __future__ import annotations

import difflib

from feddmf.errors import InputError
from feddmf_party.reproduce.experiment import Experiment
from feddmf_party.reproduce.fcf import FCF
from feddmf_party.reproduce.fig5 import FIG5
from feddmf_party.reproduce.privacy import PRIVACY
from feddmf_party.reproduce.quality import QUALITY
from feddmf_party.reproduce.ratings import RATINGS
from feddmf_party.reproduce.sweeps import FIG6, FIG7, FIG8

__all__ = ["EXPERIMENTS", "chosen"]

EXPERIMENTS = (FIG5, FIG6, FIG7, FIG8, FCF, RATINGS, QUALITY, PRIVACY)


def chosen(name: str) -> tuple[Experiment, ...]:
    """Return the experiment called `name`, or all of them; InputError where there is none."""
    if name == "all":
        return EXPERIMENTS
    found = {experiment.name: experiment for experiment in EXPERIMENTS}
    if name not in found:
        near = difflib.get_close_matches(name, found, n=1)
        raise InputError(
            f"no experiment {name!r}",
            hint=f"did you mean {near[0]}?" if near else f"choose one of {', '.join(found)}, or all",
        )
    return (found[name],)
