"""What a party keeps of a finished run: its model, its users' ids, the peers' vectors, the figures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from feddmf.catalogue.view import ViewItem
from feddmf.errors import InputError
from feddmf.files import explain_os_error, read_bytes, replacing, write_text
from feddmf.payload import Payload
from feddmf.projections import projection_of
from feddmf.protocols.feddmf import QUALITY_COLUMNS
from feddmf_party.arrays_file import load_arrays, save_arrays
from feddmf_party.data.arrow import ArrowError, pa, parquet
from feddmf_party.projections_file import map_projections, save_projections

__all__ = ["OwnItems", "PeerItems", "RunFolder", "latest_run"]

_PRIVATE = 0o600
_RUN_AGAIN = "the file was cut or changed; take part in a run again"
_ITEM_COLUMNS = ("key", "label", "local_id")


@dataclass(frozen=True, eq=False)
class PeerItems:
    """What one peer published: keys, labels, and vectors, float32 or float64 [items, dim].

    quality: what it says of each, float32 [items, 3]: 1 for a user attribute or 0, its ROC-AUC by the peer's
    own cross-validation (0 where the peer had too few users to fit it), the standard error of that. None
    for runs in which nothing of it is told.
    """

    party: str
    keys: tuple[str, ...]
    labels: tuple[str, ...]
    vectors: npt.NDArray[np.floating]
    quality: npt.NDArray[np.float32] | None = None


@dataclass(frozen=True)
class OwnItems:
    """The party's items in the order of their codes, by the catalogue of the run."""

    keys: tuple[str, ...]
    labels: tuple[str, ...]
    local_ids: tuple[str, ...]


@dataclass(frozen=True)
class RunFolder:
    """One folder under runs/. `run.json` is written last: a folder without it is not finished."""

    path: Path

    @property
    def finished(self) -> bool:
        """Whether the run was kept whole."""
        return (self.path / "run.json").is_file()

    def check_new(self) -> None:
        """Raise InputError where a run of this id was kept whole before."""
        if self.finished:
            raise InputError(
                f"{self.path} holds a finished run of that id already",
                hint="ask the operator why an id comes twice; move the folder away to join",
            )

    @property
    def version(self) -> int:
        """A number that grows whenever the run is kept again, or what may be used of it becomes less."""
        files = [self.path / name for name in ("run.json", "withdrawn.json", "model.safetensors")]
        return sum(file.stat().st_mtime_ns for file in files if file.exists())

    def clear(self) -> None:
        """Remove what an earlier run of the same id left; it is not finished from the first moment on."""
        with explain_os_error(self.path):
            (self.path / "run.json").unlink(missing_ok=True)
            if self.path.exists():
                shutil.rmtree(self.path)

    def save_model(
        self,
        arrays: Mapping[str, npt.NDArray[Any]],
        user_ids: Sequence[str],
        items: Sequence[ViewItem] = (),
    ) -> None:
        """Write the model's arrays, the user id of each user code and the item of each item code."""
        self.save_users(arrays, user_ids)
        names = {name: [getattr(item, name) for item in items] for name in _ITEM_COLUMNS}
        self._write_table("items.parquet", names)

    def save_users(self, arrays: Mapping[str, npt.NDArray[Any]], user_ids: Sequence[str]) -> None:
        """Write the model's arrays and, last, the user id of each user code."""
        save_arrays(self.path / "model.safetensors", arrays)
        if projection := projection_of(arrays):
            save_projections(self._projections, projection)
        self._write_table("users.parquet", {"user": user_ids})

    def load_model(self) -> dict[str, npt.NDArray[Any]]:
        """Read the model's arrays by name, as they were saved."""
        return load_arrays(self.path / "model.safetensors", hint=_RUN_AGAIN)

    def map_projections(self, arrays: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float32] | None:
        """Map the users' half of the first layer of the model `arrays`, [users, hidden]; see `Projection`.

        None for a model without such a layer, and for runs that were kept before it was.
        """
        projection = projection_of(arrays)
        return None if projection is None else map_projections(self._projections, projection, hint=_RUN_AGAIN)

    def load_user_ids(self) -> npt.NDArray[np.object_]:
        """Read the user id of each user code, [users]."""
        (column,) = self._read_table("users.parquet", ("user",))
        ids: npt.NDArray[np.object_] = np.asarray(column, dtype=object)
        return ids

    def load_items(self) -> OwnItems:
        """Read the party's items by code."""
        keys, labels, local_ids = self._read_table("items.parquet", _ITEM_COLUMNS)
        return OwnItems(keys, labels, local_ids)

    def save_peer(
        self, party: str, items: Sequence[tuple[str, str]], payload: Payload, *, own: Container[str] = ()
    ) -> None:
        """Write what a peer published, (key, label) of each row, without keys that are the party's `own`."""
        rows = [row for row, (key, _) in enumerate(items) if key not in own]
        lacked = [items[row] for row in rows]
        arrays = {name: array[rows] for name, array in payload.items()}
        save_arrays(self.path / "peers" / f"{party}.safetensors", arrays)
        write_text(self.path / "peers" / f"{party}.json", json.dumps(lacked, ensure_ascii=False))

    def blank_peer(self, party: str, keys: Collection[str] | None) -> None:
        """Do away with a peer's vectors of `keys`, None for all, and what it says of them; names stay."""
        path = self.path / "peers" / f"{party}.json"
        if not path.exists():
            return
        peer = self._load_peer(path)
        gone = [row for row, key in enumerate(peer.keys) if keys is None or key in keys]
        arrays = load_arrays(path.with_suffix(".safetensors"), hint=_RUN_AGAIN)
        if any(array[gone].any() for array in arrays.values()):
            for array in arrays.values():
                array[gone] = 0
            save_arrays(path.with_suffix(".safetensors"), arrays)

    def load_peers(self) -> tuple[PeerItems, ...]:
        """Read what the peers published, by party."""
        return tuple(self._load_peer(path) for path in sorted((self.path / "peers").glob("*.json")))

    def add_round(self, figures: Mapping[str, Any]) -> None:
        """Append the figures of a round; they are for people, and a run goes on without them."""
        self.path.mkdir(0o700, parents=True, exist_ok=True)
        with (self.path / "rounds.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")

    def rounds(self) -> tuple[dict[str, Any], ...]:
        """Return the figures of each round, in order; none of a line that was cut or is of another kind."""
        try:
            lines = (self.path / "rounds.jsonl").read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return ()
        return tuple(found for line in lines if (found := _round(line)) is not None)

    def finish(self, summary: Mapping[str, Any]) -> None:
        """Mark the run as kept whole."""
        stamped = {**summary, "finished_at": datetime.now(UTC).isoformat()}
        write_text(self.path / "run.json", json.dumps(stamped, indent=1) + "\n")

    def summary(self) -> dict[str, Any]:
        """Return what `finish` wrote."""
        path = self.path / "run.json"
        summary = _read_json(path, what="the run")
        if not isinstance(summary, dict) or "finished_at" not in summary:
            raise InputError(f"{path} is not the end of a run", hint=_RUN_AGAIN)
        return summary

    def protocol(self) -> str:
        """Return the protocol by which the run's model was trained."""
        try:
            return str(self.summary()["plan"]["settings"]["protocol"])
        except (KeyError, TypeError) as error:
            path = self.path / "run.json"
            raise InputError(f"{path} does not say which protocol the run had", hint=_RUN_AGAIN) from error

    @property
    def _projections(self) -> Path:
        return self.path / "projections.safetensors"

    def _write_table(self, name: str, columns: Mapping[str, Sequence[str]]) -> None:
        with replacing(self.path / name, mode=_PRIVATE) as beside:
            arrays = {column: pa.array(texts, pa.string()) for column, texts in columns.items()}
            parquet.write_table(pa.table(arrays), beside)

    def _read_table(self, name: str, columns: Sequence[str]) -> list[tuple[str, ...]]:
        path = self.path / name
        try:
            read = parquet.read_table(path)
            return [tuple(read.column(column).to_pylist()) for column in columns]
        except (OSError, ArrowError, KeyError) as error:
            raise InputError(f"cannot read {path}: {error}", hint=_RUN_AGAIN) from error

    def _load_peer(self, path: Path) -> PeerItems:
        items = _read_json(path, what="a peer's items")
        arrays = load_arrays(path.with_suffix(".safetensors"), hint=_RUN_AGAIN)
        vectors, quality = arrays.get("vectors"), arrays.get("quality")
        try:
            keys, labels = tuple(key for key, _ in items), tuple(label for _, label in items)
        except (TypeError, ValueError) as error:
            raise InputError(f"{path} does not list (key, label) pairs", hint=_RUN_AGAIN) from error
        if vectors is None or vectors.ndim != 2 or len(vectors) != len(keys):  # noqa: PLR2004  (a matrix)
            raise InputError(f"{path} lists {len(keys)} items; the vectors are not theirs", hint=_RUN_AGAIN)
        if quality is not None and quality.shape != (len(keys), QUALITY_COLUMNS):
            raise InputError(
                f"{path} lists {len(keys)} items; what is said of their quality is not of them",
                hint=_RUN_AGAIN,
            )
        return PeerItems(path.stem, keys, labels, vectors, quality)


def latest_run(runs: Path, run: str | None = None) -> RunFolder:
    """Return the folder of `run`, or of the run that finished last; InputError where there is none."""
    if run is not None:
        chosen = RunFolder(runs / run)
        if Path(run).name != run or not chosen.finished:
            raise InputError(
                f"this party has no finished run {run!r}", hint="list finished runs: feddmf party status"
            )
        return chosen
    finished = [folder for path in sorted(runs.glob("*")) if (folder := RunFolder(path)).finished]
    if not finished:
        raise InputError(
            f"this party has finished no run yet (nothing in {runs})",
            hint="start its node, feddmf party start, and let the operator submit a run",
        )
    return max(finished, key=lambda folder: str(folder.summary()["finished_at"]))


def _round(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    fits = isinstance(found, dict) and isinstance(found.get("figures"), dict)
    return found if fits and {"phase", "number"} <= set(found) else None


def _read_json(path: Path, *, what: str) -> Any:
    content = read_bytes(path, what=what, hint=_RUN_AGAIN)
    try:
        return json.loads(content)
    except ValueError as error:
        raise InputError(f"cannot read {what} {path}: {error}", hint=_RUN_AGAIN) from error
