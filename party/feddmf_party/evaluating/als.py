"""Centralised alternating least squares by `implicit`: Hu, Koren and Volinsky (2008), c = 1 + alpha r."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from feddmf.runfile import RunSettings
from feddmf_party.datasets.dataset import codes
from feddmf_party.evaluating.federation import Company, Federation
from feddmf_party.evaluating.optional import require
from feddmf_party.evaluating.outcome import Floats, OnRound, Outcome

__all__ = ["ALS_PACKAGES", "run_centralised_als"]

ALS_PACKAGES = ("scipy.sparse", "implicit.cpu.als", "threadpoolctl")
_ITERATIONS = 20
_LARGEST_SEED = 2**31


def run_centralised_als(federation: Federation, settings: RunSettings, on_round: OnRound) -> Outcome:
    """Factorise all parties' pairs as one table with rank, alpha and regularisation of section [fcf].

    As is usual with implicit feedback, every cell without a pair counts as 0 with weight 1, also where
    the user's party does not sell the item.
    """
    sparse, als, threads = require(*ALS_PACKAGES, what="centralised_als")
    fcf = settings.fcf
    rows, columns, strength = federation.pooled_pairs()
    cut = np.minimum(strength, fcf.max_value)
    ratings = np.ones(len(rows), dtype=np.float32) if fcf.confidence == "binary" else cut
    shape = (federation.users, len(federation.items))
    table = sparse.csr_matrix((1 + fcf.alpha * ratings, (rows, columns)), shape=shape, dtype=np.float32)
    # The package warns unless its threads are the only ones.
    with threads.threadpool_limits(1, "blas"):
        model = als.AlternatingLeastSquares(
            factors=fcf.rank,
            regularization=fcf.regularization,
            iterations=_ITERATIONS,
            num_threads=1,
            random_state=settings.seed % _LARGEST_SEED,
        )
        model.fit(
            table,
            show_progress=False,
            callback=lambda done, *_: on_round(f"iteration {done + 1} of {_ITERATIONS}"),
        )
    user_factors, item_factors = np.asarray(model.user_factors), np.asarray(model.item_factors)

    def score(company: Company, keys: npt.NDArray[np.str_]) -> Floats:
        theirs = user_factors[federation.pooled_users(company)]
        scores: Floats = theirs @ item_factors[codes(keys, federation.items)].T
        return scores

    return Outcome.of(federation, score)
