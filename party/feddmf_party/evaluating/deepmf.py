"""DeepMF without any exchange: one model over all parties' tables, and one model a party."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from feddmf.model import START_STD, fresh_model, normal
from feddmf.runfile import RunSettings
from feddmf.sampling import Part, PooledSampler, Sampler, Samples
from feddmf.scoring import DeepMFScorer
from feddmf.training import Trainer
from feddmf_party.datasets.dataset import codes
from feddmf_party.evaluating.federation import Company, Federation
from feddmf_party.evaluating.outcome import Floats, OnRound, Outcome
from feddmf_party.evaluating.pooling import pool_owners

__all__ = ["pooled_samples", "run_centralised_paper", "run_independent"]

Arrays = Mapping[str, npt.NDArray[np.float32]]

_POOL = "centralised"


def run_centralised_paper(federation: Federation, settings: RunSettings, on_round: OnRound) -> Outcome:
    """Train one DeepMF over all users and items (FedDMF paper, the upper bound of section V).

    It sees the union of the parties' tables: each party's pairs, and negatives from the cells that the party
    knows, drawn as a federated member would. No cell of a user and an item that the user's party does not
    sell is ever drawn.
    """
    pool = pooled_samples(federation, negatives=settings.training.negatives, seed=settings.seed)
    shape = (federation.users, len(federation.items))
    arrays = _train(shape, pool, settings, _POOL, on_round)
    scorer = DeepMFScorer.from_arrays(arrays)

    def score(company: Company, keys: npt.NDArray[np.str_]) -> Floats:
        vectors = arrays["items"][codes(keys, federation.items)]
        return scorer.score(federation.pooled_users(company), company.party, vectors)

    return Outcome.of(federation, score)


def run_independent(federation: Federation, settings: RunSettings, on_round: OnRound) -> Outcome:
    """Train each party's DeepMF as `feddmf` would without its alignment; score against published vectors.

    Nothing is exchanged; the bytes are those of the publications.
    """
    arrays = {
        party: _train(
            (len(company.users), len(company.keys)), _sampler(company, settings), settings, party, on_round
        )
        for party, company in federation.companies.items()
    }
    scorers = {party: DeepMFScorer.from_arrays(each) for party, each in arrays.items()}

    def score(company: Company, keys: npt.NDArray[np.str_]) -> Floats:
        scorer = scorers[company.party]
        users = np.arange(len(company.users))

        def score_by(owner: str, theirs: npt.NDArray[np.str_]) -> Floats:
            rows = codes(theirs, federation.companies[owner].keys)
            return scorer.score(users, owner, arrays[owner]["items"][rows])

        return pool_owners(federation, company, keys, score_by)

    row_bytes = settings.model.embedding_dim * np.dtype(np.float32).itemsize
    published = sum(len(company.askable) for company in federation.companies.values())
    return Outcome.of(federation, score, bytes_sent=published * row_bytes)


def pooled_samples(federation: Federation, *, negatives: int, seed: int) -> PooledSampler:
    """Return the samples of all parties in the codes of the federation, each party's negatives its own."""
    parts = [
        Part(
            Sampler(company.data, negatives=negatives, seed=seed, party=company.party),
            users=federation.pooled_users(company),
            items=federation.pooled_items(company),
        )
        for company in federation.companies.values()
    ]
    return PooledSampler(parts, seed=seed)


def _sampler(company: Company, settings: RunSettings) -> Sampler:
    negatives = settings.training.negatives
    return Sampler(company.data, negatives=negatives, seed=settings.seed, party=company.party)


def _train(
    shape: tuple[int, int], samples: Samples, settings: RunSettings, name: str, on_round: OnRound
) -> Arrays:
    """Train a DeepMF for `shape` = (users, items) at the counter addresses of `name`."""
    users, items = shape
    seed, dim = settings.seed, settings.model.embedding_dim
    start = normal((items, dim), START_STD, seed, name, "items")
    model = fresh_model(users, start, settings.model, seed=seed, party=name)
    trainer = Trainer(model, samples, settings.training, seed=seed, party=name)
    for epoch in range(settings.training.epochs):
        steps = trainer.steps_per_epoch
        loss = trainer.train(epoch * steps, (epoch + 1) * steps, None)
        on_round(f"{name}: epoch {epoch + 1} of {settings.training.epochs}, loss {loss:.3f}")
    return {name: tensor.numpy() for name, tensor in model.arrays().items()}
