"""What one place that held all users' matched items and attributes could do: logistic regression."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.evaluation import roc_auc
from feddmf_party.datasets.dataset import codes
from feddmf_party.evaluating.attribute_table import AttributeTable
from feddmf_party.evaluating.attributes import Attributed
from feddmf_party.evaluating.federation import Federation
from feddmf_party.evaluating.measuring import mean
from feddmf_party.evaluating.optional import require

__all__ = ["REFERENCE_PACKAGES", "reference_roc_auc"]

REFERENCE_PACKAGES = ("scipy.sparse", "sklearn.linear_model", "sklearn.model_selection")
_FOLDS = 5
_STRENGTH = 0.1
_MOST_STEPS = 1000
_LARGEST_SEED = 2**31


def reference_roc_auc(
    federation: Federation, attributed: Attributed, table: AttributeTable
) -> dict[str, float]:
    """Return the ROC-AUC by attribute of logistic regressions on who has which matched item.

    Each user is scored by a regression that was fitted without this user, in five folds over all parties'
    users; users of the attribute's owner help to fit and are not measured, as for a protocol. nan without
    matched items.
    """
    if not len(federation.matched):
        return dict.fromkeys(attributed.names.tolist(), float("nan"))
    _, linear, selection = require(*REFERENCE_PACKAGES, what="the reference")
    table_of_all = _matched_table(federation)
    users = np.concatenate([company.users for company in federation.companies.values()])
    parties = np.concatenate([np.full(len(c.users), party) for party, c in federation.companies.items()])
    areas = {}
    for name in attributed.names.tolist():
        valued, having = table.known(name), table.having(name)
        known = np.array([user in valued for user in users.tolist()])
        truth = np.array([user in having for user in users.tolist()])[known]
        folds = selection.StratifiedKFold(_FOLDS, shuffle=True, random_state=federation.seed % _LARGEST_SEED)
        model = linear.LogisticRegression(C=_STRENGTH, max_iter=_MOST_STEPS, solver="liblinear")
        scores: npt.NDArray[np.float64] = selection.cross_val_predict(
            model, table_of_all[known], truth, cv=folds, method="decision_function"
        )
        of = parties[known]
        tested = [party for party in federation.parties if party != attributed.owner]
        areas[name] = mean(roc_auc(truth[of == party], scores[of == party]) for party in tested)
    return areas


def _matched_table(federation: Federation) -> Any:
    """Return which users, of all parties one after the other, have which matched items, a sparse table."""
    sparse, *_ = require(*REFERENCE_PACKAGES, what="the reference")
    blocks = []
    for company in federation.companies.values():
        shared = np.intersect1d(company.keys, federation.matched)
        data = company.data
        whole = sparse.csr_matrix(
            (np.ones(data.pairs), data.indices, data.indptr), shape=(data.users, data.items)
        )
        place = sparse.csr_matrix(
            (np.ones(len(shared)), (codes(shared, company.keys), codes(shared, federation.matched))),
            shape=(data.items, len(federation.matched)),
        )
        blocks.append(whole @ place)
    return sparse.vstack(blocks, format="csr")
