"""The leakage audit: how well an attacker tells who is in a party's data, from what a run would release.

Shadow models are trained on random halves of the party's own users, at home; nothing is sent, and nothing is
charged. Each in turn is attacked by what the others teach (`feddmf.privacy.attacks`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt

from feddmf.errors import InputError
from feddmf.interactions import Interactions
from feddmf.members.item_release import released_codes, terms_of
from feddmf.plan import PartyItems, Plan
from feddmf.privacy.attack_figures import FPR, Leak, leak_of
from feddmf.privacy.attack_statistics import Released, Table, gram_statistics, table_statistics
from feddmf.privacy.attacks import halves, likelihood_ratios
from feddmf.privacy.ceilings import auc_ceiling, mu_of, tpr_ceiling
from feddmf.privacy.mechanism import release_gram
from feddmf.privacy.noise import Noise, SystemNoise
from feddmf.privacy.spectral import CleanedGram, spectral_vectors
from feddmf.privacy.terms import Terms
from feddmf.progress import NOBODY, Progress, Tally
from feddmf.randomness import generator
from feddmf.run_ids import plain_name
from feddmf.runfile import load_run
from feddmf.user_attributes import UserAttributes, without_items
from feddmf_party.attacking_releases import alone, of_users, release_alone
from feddmf_party.catalogue import AcceptedViews
from feddmf_party.folder import PartyFolder
from feddmf_party.reproduce.work import answers
from feddmf_party.seat import Place, find_place

__all__ = ["Ceiling", "Finding", "Subject", "attack", "place_at", "subject_of"]

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Subject:
    """What is attacked: a party in a run, alone.

    offered: products; targets: codes of the users whom the attacker asks about. noise: of a private run, the
    system's but in tests. rows: of the party's table, by which the terms go; None for those of `data`.
    """

    items: PartyItems
    data: Interactions
    offered: tuple[str, ...]
    targets: Codes
    attributes: UserAttributes | None = None
    noise: Noise = SystemNoise()  # noqa: RUF009  (it has no state)
    rows: int | None = None

    @property
    def terms(self) -> Terms | None:
        """The terms of the party's release; None where the run is not private."""
        is_private = self.items.plan.settings.privacy.is_private
        rows = self.data.users if self.rows is None else self.rows
        return terms_of(self.items, rows) if is_private else None


@dataclass(frozen=True)
class Ceiling:
    """The most that any attack on a release of this epsilon reaches: area, and true positives at `FPR`."""

    epsilon: float
    delta: float
    auc: float
    tpr: float

    @classmethod
    def of(cls, terms: Terms) -> Ceiling:
        """Return the ceilings of one release on `terms`."""
        mu = mu_of(terms.sigma)
        return cls(terms.epsilon, terms.delta, auc_ceiling(mu), tpr_ceiling(mu, FPR))


@dataclass(frozen=True)
class Finding:
    """What came out of `models` shadow models, each of `trained_on` users, against `users` of them."""

    models: int
    users: int
    trained_on: int
    items: int
    leak: Leak
    ceiling: Ceiling | None

    @property
    def is_within(self) -> bool:
        """Whether the attack stays within two standard errors of the ceiling; so it does without one."""
        return self.ceiling is None or self.leak.auc <= self.ceiling.auc + 2 * self.leak.auc_error


def place_at(folder: PartyFolder, party: str, file: Path, progress: Progress = NOBODY) -> Place:
    """Return what `party` would bring to the run of a run file under its accepted catalogue.

    Raises PolicyError where its policy is against the run, InputError where the run is not of the party.
    """
    settings, fetched = load_run(file), AcceptedViews(folder.catalogue, party).get()
    if party not in settings.parties:
        raise InputError(
            f"{file} is a run of {', '.join(settings.parties)}, without {party}",
            hint="nothing of this party would leave in it; name another run file",
        )
    plan = Plan(run=plain_name(settings.name), catalogue=fetched.digest, settings=settings)
    return find_place(plan, fetched.view, folder, folder.policy(), progress)


def subject_of(place: Place, users: int | None = None, seed: int = 0) -> Subject:
    """Return the party of `place`, with so many of its users as targets, drawn at random; all for None.

    Raises InputError where nobody is there to ask about, or where the run's protocol is not attacked.
    """
    plan = alone(place.items.plan)
    items, table = PartyItems(plan, place.items.view), place.table.interactions
    some = np.flatnonzero(table.user_counts())
    if not len(some):
        raise InputError("no user has an item of the catalogue", hint="check data.path in party.toml")
    data = table.of_users(some)
    attributes = of_users(place.attributes, some)
    of_users_too = set() if attributes is None else set(attributes.codes.tolist())
    offered = tuple(key for key in place.offered if int(items.codes((key,))[0]) not in of_users_too)
    chosen = generator(seed, "attack", "targets").permutation(data.users)[:users]
    return Subject(items, data, offered, np.sort(chosen), attributes, rows=table.users)


def attack(
    subject: Subject,
    *,
    models: int = 32,
    seed: int = 0,
    jobs: int = 1,
    progress: Progress = NOBODY,
) -> Finding:
    """Train `models` shadow models in `jobs` processes, attack each, and say what came of it.

    progress: hears how many models are done. Raises InputError for too few models or users.
    """
    inside = halves(subject.data.users, models, seed)
    found: list[Floats] = []
    tally = Tally(progress, models, "shadow models")
    for statistics in answers(partial(_statistics, subject), inside, jobs):
        found.append(statistics)
        tally.add(1)
    members = inside[:, subject.targets]
    leak = leak_of(likelihood_ratios(np.stack(found), members), members, seed)
    released = released_codes(subject.items, subject.offered)
    terms = subject.terms
    return Finding(
        models=models,
        users=len(subject.targets),
        trained_on=subject.data.users // 2,
        items=len(released),
        leak=leak,
        ceiling=None if terms is None else Ceiling.of(terms),
    )


def _statistics(subject: Subject, inside: npt.NDArray[np.bool_]) -> Floats:
    """Train on the users who are `inside`; return what that says of each target, [targets, kinds]."""
    users = np.flatnonzero(inside)
    data, targets = subject.data.of_users(users), subject.data.of_users(subject.targets)
    terms = subject.terms
    if terms is not None:
        codes = released_codes(subject.items, subject.offered)
        asked = targets.columns(codes)
        release = release_gram(data.columns(codes), subject.noise, terms.sigma)
        # Vectors say no more than the matrix; what is sent is made of both, and both are looked at.
        dim = subject.items.plan.settings.model.embedding_dim
        vectors = Table(np.arange(len(codes)), spectral_vectors(CleanedGram(release, dim), dim))
        counts = subject.data.columns(codes).item_counts()
        of_vectors = table_statistics(asked, counts, Released({"vectors": vectors}))
        return np.concatenate([gram_statistics(asked, release), of_vectors], axis=1)
    attributes = subject.attributes
    released = release_alone(subject.items, data, subject.offered, of_users(attributes, users))
    left_out = np.array([], np.int64) if attributes is None else attributes.codes
    return table_statistics(without_items(targets, left_out), subject.data.item_counts(), released)
