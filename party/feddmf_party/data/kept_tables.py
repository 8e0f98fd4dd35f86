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
        arrays |= {"codes": table.attributes.codes, "known": table.attributes.known}
        said |= {"columns": table.attributes.columns, "min_users": table.attributes.min_users}
    return arrays, {"table": json.dumps(said)}


def _table(arrays: dict[str, npt.NDArray[Any]], metadata: dict[str, str], key: str) -> PartyTable:
    """Return what `_arrays` took apart; ValueError, KeyError or TypeError where it does not fit together."""
    if metadata.get("key") != key:
        raise ValueError("the table of another key")
    said = json.loads(metadata["table"])
    pairs = Interactions(arrays["indptr"], arrays["indices"], arrays["values"], int(said["items"]))
    ends = arrays["id_ends"]
    if not len(pairs.indices) == len(pairs.values) == pairs.indptr[-1] or len(ends) != pairs.users + 1:
        raise ValueError("arrays of several tables")
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(arrays["ids"])]
    ids = pa.Array.from_buffers(pa.large_string(), pairs.users, buffers)
    attributes = None
    if "codes" in arrays:
        attributes = UserAttributes(
            arrays["codes"], tuple(said["columns"]), arrays["known"], int(said["min_users"])
        )
    counts = {name: int(said[name]) for name in _COUNTS}
    return PartyTable(pairs, tuple(ids.to_pylist()), **counts, attributes=attributes, kept=True)
