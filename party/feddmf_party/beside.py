"""A party's processes beside the first: they take the same seat, check it the same way, and train.

They open no channel, have no identity and no ledger: what they are told comes from the first process.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from feddmf.errors import FedDMFError, RunFailed
from feddmf.members.registry import Follower, follower_for
from feddmf.ranks import STOP, Abandoned, Ranks
from feddmf_party.catalogue import AcceptedViews
from feddmf_party.folder import PartyFolder
from feddmf_party.plans import read_plan
from feddmf_party.repetition import conditions_of
from feddmf_party.seat import find_place

__all__ = ["seat_all", "work_beside"]

log = logging.getLogger(__name__)


def seat_all(ranks: Ranks, document: bytes, run: str, party: str, conditions: str) -> None:
    """Have all other processes take their seats in a run that the first has checked.

    conditions: the digest of plan and table, which must be the same everywhere. Raises RunFailed naming the
    first process that cannot take part, and why.
    """
    told = {"do": "sit", "run": run, "party": party, "plan": document.decode(), "conditions": conditions}

    def lead(_: object) -> list[dict[str, Any]]:
        ranks.tell(told)
        return ranks.gather({"problem": None})

    for rank, answer in enumerate(ranks.together(lead)):
        if answer["problem"] is not None:
            raise RunFailed(
                f"process {rank} of {ranks.size} cannot take part: {answer['problem']}",
                hint="all processes of a party need the same party.toml, policy, offer, catalogue and tables",
            )


def work_beside(folder: PartyFolder, ranks: Ranks) -> None:
    """Do what the first process tells, until it tells to stop."""
    beside: Follower | None = None
    while (told := ranks.hear()) != STOP:
        if told["do"] == "sit":
            # What is left of another run makes room first.
            beside = None
            beside = _answer(folder, ranks, told)
        elif beside is not None:
            with suppress(Abandoned):
                beside.follow(told)


def _answer(folder: PartyFolder, ranks: Ranks, told: Mapping[str, str]) -> Follower | None:
    beside, problem = None, None
    try:
        beside = _take_place(folder, ranks, told)
    except FedDMFError as error:
        problem = error.message
    ranks.gather({"problem": problem})
    return beside


def _take_place(folder: PartyFolder, ranks: Ranks, told: Mapping[str, str]) -> Follower:
    """Check a run as the first process has, and keep of the table this process's users alone."""
    party = told["party"]
    plan = read_plan(told["plan"].encode(), told["run"], party)
    view = AcceptedViews(folder.catalogue, party).by_digest(plan.catalogue).view
    place = find_place(plan, view, folder, folder.policy())
    table = place.table.interactions
    if conditions_of(plan, table) != told["conditions"]:
        raise RunFailed("its table is another one than the first process has", hint="give all the same")
    own = len(range(ranks.rank, table.users, ranks.size))
    log.info("process %d of %d trains run %s on %d users", ranks.rank, ranks.size, plan.run, own)
    return follower_for(place.items, table, place.attributes, ranks)
