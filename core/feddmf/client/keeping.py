"""The client's part for saved audiences and files of their users."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from feddmf.client import columns
from feddmf.client.bodies import about, cut, wanted
from feddmf.client.frames import frame, interval_columns
from feddmf.client.line import Line
from feddmf.errors import FedDMFError, InputError, LocalResourceError, TimedOut
from feddmf.progress import NOBODY, Progress

__all__ = ["Audiences"]

Json = dict[str, Any]

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0


class Audiences:
    """What is saved under a name at one query API."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def audiences(self) -> pd.DataFrame:
        """Return the saved audiences, by name.

        Columns: name, run, described (who is wanted, in words), all, any, none (keys), size, above, threshold
        (where it is cut), users (how many they were when it was saved), precision with _lower and _upper,
        hits (what was to be expected then), created_at, created_by.
        """
        return frame(map(_saved, self._line.get("/v1/audiences")["audiences"]), columns.AUDIENCES)

    def save_audience(
        self,
        name: str,
        attribute: str | None = None,
        *,
        all: Sequence[str] = (),  # noqa: A002  (the words of the query API)
        any: Sequence[str] = (),  # noqa: A002
        none: Sequence[str] = (),
        size: int | None = None,
        above: float | None = None,
        threshold: bool = False,
        owner: str | None = None,
        run: str | None = None,
        anyway: bool = False,
    ) -> pd.DataFrame:
        """Save an audience under a name that is free; asked as `audience`. Return its row of `audiences`."""
        body = {
            "name": name,
            **wanted(attribute, all, any, none),
            **cut(size, above, threshold=threshold),
            **about(run, owner, anyway=anyway),
        }
        return frame([_saved(self._line.post("/v1/audiences", body))], columns.AUDIENCES)

    def remove_audience(self, name: str) -> None:
        """Remove a saved audience, and the files of it that lie at the server."""
        self._line.delete(f"/v1/audiences/{quote(name, safe='')}")

    def exports(self) -> pd.DataFrame:
        """Return the files of audiences that lie at the server or are written there, the last first.

        Columns: id, audience, run, format, state (waiting, running, done, failed, cancelled), rows, size (in
        bytes), asked_at, ended_at, by (whose token), error, hint (where it failed).
        """
        return frame(self._line.get("/v1/exports")["exports"], columns.EXPORTS)

    def export(
        self,
        name: str,
        path: Path | str,
        *,
        progress: Progress = NOBODY,
        wait_s: float = 3_600.0,
        keep: bool = False,
    ) -> Path:
        """Write the users of a saved audience to a file, .csv or .parquet, and return where it is.

        progress: is told how many rows are written there, and then how many bytes are fetched; wait_s: how
        long the server is waited for; keep: leave the file at the server, too. The columns are those of
        `feddmf query audience --out`. What is not kept is removed there, whatever becomes of it here;
        where that fails, it goes when its days there are over.
        """
        out = Path(path)
        form = out.suffix.lower().removeprefix(".")
        if form not in {"csv", "parquet"}:
            raise InputError(f"cannot tell the format of {out}", hint="name a .csv or .parquet file")
        export = self._line.post(f"/v1/audiences/{quote(name, safe='')}/exports", {"format": form})
        where = f"/v1/exports/{export['id']}"
        try:
            self._wait(where, export, progress, wait_s)
            self._line.download(f"{where}/file", out, progress)
        except BaseException:
            self._leave(where)
            raise
        if not keep:
            self._leave(where)
        return out

    def _leave(self, where: str) -> None:
        """Remove an export at the server; what cannot be removed now is in time, and hides nothing here."""
        with suppress(FedDMFError):
            self._line.delete(where)

    def _wait(self, where: str, export: Json, progress: Progress, wait_s: float) -> None:
        """Wait until an export is done; raise what it ended with otherwise."""
        ends, pause = time.monotonic() + wait_s, _FIRST_PAUSE_S
        while export["state"] in {"waiting", "running"}:
            if (how_far := export["progress"]) is not None:
                progress.show(how_far["done"], how_far["total"], how_far["what"])
            if time.monotonic() > ends:
                raise TimedOut(f"the export was not done in {wait_s:g} s", hint="wait longer: wait_s=...")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)
            export = self._line.get(where)
        if export["state"] != "done":
            why = export["error"] or f"somebody ended it: it is {export['state']}"
            raise LocalResourceError(f"the export came to nothing: {why}", hint=export["hint"] or "try again")


def _saved(audience: Json) -> Json:
    expected = audience["expected"] or {}
    return {
        **audience,
        **audience["criteria"],
        **audience["cut"],
        **interval_columns("precision", expected.get("precision")),
        "hits": expected.get("hits"),
    }
