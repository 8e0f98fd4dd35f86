"""A party's model without some of its users: their rows are taken out of every array that has users."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.errors import InputError
from feddmf.interactions import Interactions

__all__ = ["users_in", "without_users"]

Arrays = Mapping[str, npt.NDArray[Any]]

# Every array of every model is named here, so that none is kept because nobody has thought of it.
_OF_USERS = re.compile(r"tower\.vectors|user_factors|activity|user_vectors(\..+)?|(users|linear)\..+")
_HISTORIES = ("histories.starts", "histories.items")
_HIDDEN = re.compile(r"hidden\.(.+)\.(users|scores|truth)")
_OF_OTHERS = re.compile(
    r"items|(user|item|out)_weight|bias|out_bias|item_factors|contexts|vectors|constant|products"
    r"|(map|head)\..+|hidden\..+\.items"
)


def users_in(arrays: Arrays) -> int:
    """Return how many users a model is of; InputError for one without users."""
    lengths = {len(array) for name, array in arrays.items() if _OF_USERS.fullmatch(name)}
    if len(lengths) != 1:
        raise InputError(
            "this is no model of users, or one that does not fit together",
            hint="the file was cut or changed; remove the run's folder, which nothing else needs",
        )
    return lengths.pop()


def without_users(arrays: Arrays, gone: npt.NDArray[np.bool_]) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a model without the users `gone`, bool [users]; others keep their order.

    What training made of all users together (layers, item vectors, heads) stays as it is. InputError for an
    array of which it is not known whether users are in it.
    """
    kept = np.flatnonzero(~gone)
    left: dict[str, npt.NDArray[Any]] = {}
    for name, array in arrays.items():
        if _OF_USERS.fullmatch(name):
            left[name] = array[kept]
        elif name not in _HISTORIES and not _HIDDEN.fullmatch(name):
            if not _OF_OTHERS.fullmatch(name):
                raise InputError(
                    f"the model has an array {name!r}, and nobody knows whether users are in it",
                    hint="it was kept by another version: use that one, or remove the run's folder",
                )
            left[name] = array
    if "histories.starts" in arrays:
        left |= _histories(arrays, kept)
    for name in arrays:
        if (match := _HIDDEN.fullmatch(name)) and match[2] == "users":
            left |= _hidden(arrays, f"hidden.{match[1]}", gone)
    return {name: left[name] for name in arrays}


def _histories(arrays: Arrays, kept: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[Any]]:
    starts, items = (arrays[name] for name in _HISTORIES)
    ones = np.broadcast_to(np.float32(1), len(items))
    rows = Interactions(starts, items, ones, int(items.max(initial=-1)) + 1).of_users(kept)
    return dict(zip(_HISTORIES, (rows.indptr.astype(starts.dtype), rows.indices), strict=True))


def _hidden(arrays: Arrays, prefix: str, gone: npt.NDArray[np.bool_]) -> dict[str, npt.NDArray[Any]]:
    """Return the evidence of hidden items without the cells of users who are gone; codes move up."""
    users = arrays[f"{prefix}.users"]
    stays = ~gone[users]
    code = np.cumsum(~gone) - 1
    left = {f"{prefix}.{name}": arrays[f"{prefix}.{name}"][stays] for name in ("scores", "truth")}
    return {f"{prefix}.users": code[users[stays]].astype(users.dtype), **left}
