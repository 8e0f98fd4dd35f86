"""Tables that were read before, kept in the party's folder: a second start maps them into memory."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.errors import LocalResourceError
from feddmf.interactions import Interactions
from feddmf.user_attributes import UserAttributes
from feddmf_party.data.arrow import pa
from feddmf_party.data.mapped_file import map_arrays, write_arrays
from feddmf_party.data.party_table import PartyTable

__all__ = ["KeptTables"]

_MOST = 4
_SUFFIX = ".safetensors"
_PRIVATE = 0o700
_TYPES = {
    **dict.fromkeys(("indptr", "id_ends", "codes"), np.int64),
    **dict.fromkeys(("indices", "columns"), np.int32),
    "values": np.float32,
    "ids": np.uint8,
    "known": np.bool_,
}
_COUNTS = tuple(field.name for field in fields(PartyTable) if field.type == "int")


class KeptTables:
    """The folder of kept tables, by key: the latest `most`, since they are as private as their sources."""

    def __init__(self, folder: Path, *, most: int = _MOST) -> None:
        self._folder = folder
        self._most = most

    def get(self, key: str) -> PartyTable | None:
        """Return the table of this key, None where there is none, or one that is torn or another's."""
        path = self._folder / f"{key}{_SUFFIX}"
        try:
            arrays, metadata = map_arrays(path)
            table = _table(arrays, metadata, key)
            os.utime(path)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return table

    def put(self, key: str, table: PartyTable) -> None:
        """Keep the table, and let go of the oldest; a disk that refuses is left alone."""
        arrays, metadata = _arrays(table)
        with suppress(LocalResourceError, OSError):
            self._folder.mkdir(_PRIVATE, parents=True, exist_ok=True)
            self._folder.chmod(_PRIVATE)
            write_arrays(self._folder / f"{key}{_SUFFIX}", arrays, {**metadata, "key": key})
            kept = sorted(self._folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime_ns)
            # What a process that died was writing is no table and goes first.
            for path in (*self._folder.glob("*.part"), *kept[: -self._most]):
                path.unlink(missing_ok=True)


def _arrays(table: PartyTable) -> tuple[dict[str, npt.NDArray[Any]], dict[str, str]]:
    pairs, ids = table.interactions, pa.array(table.user_ids, pa.large_string())
    arrays: dict[str, npt.NDArray[Any]] = {
        "indptr": pairs.indptr,
        "indices": pairs.indices,
        "values": pairs.values,
        "id_ends": np.frombuffer(ids.buffers()[1], np.int64, len(ids) + 1),
        "ids": np.frombuffer(ids.buffers()[2] or b"", np.uint8),
    }
    said: dict[str, Any] = {"items": pairs.items, **{name: getattr(table, name) for name in _COUNTS}}
    if table.attributes is not None:
        # Each column has many attributes, and the header is no place for long lists.
        columns, places = np.unique(np.array(table.attributes.columns, dtype=object), return_inverse=True)
        arrays |= {
            "codes": table.attributes.codes,
            "known": table.attributes.known,
            "columns": places.astype(np.int32),
        }
        said |= {"columns": columns.tolist(), "min_users": table.attributes.min_users}
    return arrays, {"table": json.dumps(said)}


def _table(arrays: dict[str, npt.NDArray[Any]], metadata: dict[str, str], key: str) -> PartyTable:
    """Return what `_arrays` took apart; ValueError, KeyError or TypeError where it does not fit together."""
    if metadata.get("key") != key:
        raise ValueError("the table of another key")
    said = json.loads(metadata["table"])
    for name, array in arrays.items():
        if array.dtype != _TYPES[name] or array.ndim != (2 if name == "known" else 1):
            raise ValueError(f"{name} is of another type")
    pairs = Interactions(arrays["indptr"], arrays["indices"], arrays["values"], int(said["items"]))
    ends, texts = arrays["id_ends"], arrays["ids"]
    _check_rising(pairs.indptr, len(pairs.indices))
    _check_rising(ends, len(texts))
    _check_codes(pairs.indices, pairs.items)
    if len(pairs.values) != len(pairs.indices) or len(ends) != len(pairs.indptr):
        raise ValueError("arrays of several tables")
    ids = pa.Array.from_buffers(
        pa.large_string(), pairs.users, [None, pa.py_buffer(ends), pa.py_buffer(texts)]
    )
    ids.validate(full=True)
    attributes = _attributes(arrays, said, pairs) if "codes" in arrays else None
    counts = {name: int(said[name]) for name in _COUNTS}
    return PartyTable(pairs, tuple(ids.to_pylist()), **counts, attributes=attributes, kept=True)


def _attributes(
    arrays: dict[str, npt.NDArray[Any]], said: dict[str, Any], pairs: Interactions
) -> UserAttributes:
    codes, places, known = arrays["codes"], arrays["columns"], arrays["known"]
    _check_codes(codes, pairs.items)
    _check_codes(places, len(said["columns"]))
    if len(places) != len(codes) or known.shape != (pairs.users, len(codes)):
        raise ValueError("attributes of another table")
    columns = tuple(str(said["columns"][place]) for place in places)
    return UserAttributes(codes, columns, known, int(said["min_users"]))


def _check_rising(ends: npt.NDArray[np.int64], last: int) -> None:
    """Raise ValueError unless `ends` rises from 0 to `last`, where some may be equal."""
    if not len(ends) or ends[0] != 0 or ends[-1] != last or (ends[1:] < ends[:-1]).any():
        raise ValueError("rows that do not follow each other")


def _check_codes(codes: npt.NDArray[np.integer], size: int) -> None:
    """Raise ValueError unless all `codes` are places among `size`."""
    if codes.size and not 0 <= codes.min() <= codes.max() < size:
        raise ValueError("codes of another table")
