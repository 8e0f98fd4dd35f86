"""The client: what an analyst may ask of the query API, each answer a pandas frame."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pandas as pd

from feddmf.client import columns
from feddmf.client.bodies import about, cut, wanted
from feddmf.client.frames import frame
from feddmf.client.keeping import Audiences
from feddmf.client.line import Line
from feddmf.client.rows import change_row, listed_row, point_row, quality_rows

__all__ = ["Client"]

Json = dict[str, Any]

_MOST_JSON = 10_000
_PAGE = 1_000


class Client(Audiences):
    """One party's query API, asked as the holder of one token.

    url: what `feddmf api serve` says, https or loopback; token: of `feddmf token add`, of an analyst; ca: PEM
    file of the authority of the server's certificate. Errors are those of `feddmf.errors`, with a hint. Only
    what reads is asked again after a failure. `run`: the run to ask, the one that finished last where it is
    left out. `owner`: the peer that published the attribute, all who did together where it is left out.
    `anyway`: to be answered also where the evidence says that it is of no use. What holds for a whole frame
    is in its `attrs`. `_lower` and `_upper` are the ends of an interval of 90 %.
    """

    def __init__(self, url: str, token: str, *, ca: Path | str | None = None) -> None:
        super().__init__(Line(url, token, ca=ca))

    def __enter__(self) -> Self:
        """Return the client, which is closed in the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._line.close()

    def runs(self) -> pd.DataFrame:
        """Return finished runs, the last first: run, protocol, finished_at."""
        return frame(self._line.get("/v1/runs")["runs"], columns.RUNS)

    def attributes(
        self, search: str = "", *, owner: str | None = None, run: str | None = None
    ) -> pd.DataFrame:
        """Return what can be asked for, by first owner and key.

        Columns: key, label, owner, kind (item, or user attribute), verdict (use, use with care, not measured,
        do not use), calibrated, threshold, roc_auc with _lower and _upper, hidden_items (how many it was
        measured on), until (when its owner stops sharing it). attrs: run, unavailable (what was taken back or
        has ended). search: a part of key or label.
        """
        found: list[Json] = []
        while True:
            page = self._line.get(
                "/v1/attributes", search=search, owner=owner, run=run, offset=len(found), limit=_PAGE
            )
            found += page["attributes"]
            if len(found) >= page["total"] or not page["attributes"]:
                return frame(
                    map(listed_row, found), columns.ATTRIBUTES, about=_told(page, "run", "unavailable")
                )

    def predictions(
        self,
        attributes: str | Sequence[str],
        users: Sequence[str] | None = None,
        *,
        owner: str | None = None,
        run: str | None = None,
        anyway: bool = False,
    ) -> pd.DataFrame:
        """Return the scores of users, all of them by default, for one attribute or more, users outermost.

        Columns: user, attribute, owner, score, above_threshold (empty where no threshold was chosen),
        verdict. attrs of up to 10,000 rows: run, score_kind (what scores are).
        """
        keys = [attributes] if isinstance(attributes, str) else list(attributes)
        body = {"attributes": keys, **about(run, owner, anyway=anyway)}
        if users is not None:
            body["users"] = list(users)
        if users is None or len(keys) * len(users) > _MOST_JSON:
            return self._file("/v1/predictions", body)
        told = self._line.post("/v1/predictions", body)
        verdicts = {each["key"]: each["verdict"] for each in told["attributes"]}
        rows = ({**row, "verdict": verdicts[row["attribute"]]} for row in told["predictions"])
        return frame(rows, columns.PREDICTIONS, about=_told(told, "run", "score_kind"))

    def audience(
        self,
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
        """Return the users most likely to have an attribute, or all, any and none of several, best first.

        size, above (a probability) or threshold says where to cut; 20 users where none does. Columns: rank,
        user, score. attrs: run, above, expected (precision, hits, ... with intervals; None where nothing was
        measured).
        """
        body = {
            **wanted(attribute, all, any, none),
            **cut(size, above, threshold=threshold),
            **about(run, owner, anyway=anyway),
        }
        many = size is not None and size > _MOST_JSON
        if many or above is not None or threshold:
            preview = self._line.post("/v1/audience/preview", body)
            if preview["size"] > _MOST_JSON:
                rows = self._file("/v1/audience", body)
                rows.insert(0, "rank", pd.array(range(1, len(rows) + 1), dtype="Int64"))
                found = rows[list(columns.AUDIENCE)]
                found.attrs.clear()
                found.attrs.update(_told(preview, "run", "above", "expected"))
                return found
        told = self._line.post("/v1/audience", body)
        return frame(told["users"], columns.AUDIENCE, about=_told(told, "run", "above", "expected"))

    def preview(
        self,
        attribute: str | None = None,
        *,
        all: Sequence[str] = (),  # noqa: A002
        any: Sequence[str] = (),  # noqa: A002
        none: Sequence[str] = (),
        size: int | None = None,
        above: float | None = None,
        threshold: bool = False,
        owner: str | None = None,
        run: str | None = None,
        anyway: bool = False,
    ) -> pd.DataFrame:
        """Return what to expect of an audience by its size, before anybody is named; asked as `audience`.

        Columns: size, probability (of the last user in it), precision, recall and lift with _lower and
        _upper, hits, popularity (the precision of as many of the busiest users). attrs: run, users (of the
        run), size, above, expected, popularity, base_rate, histogram.
        """
        body = {
            **wanted(attribute, all, any, none),
            **cut(size, above, threshold=threshold),
            **about(run, owner, anyway=anyway),
        }
        told = self._line.post("/v1/audience/preview", body)
        names = ("run", "users", "size", "above", "expected", "popularity", "base_rate", "histogram")
        return frame(map(point_row, told["curve"]), columns.CURVE, about=_told(told, *names))

    def top_attributes(
        self,
        users: Sequence[str],
        top: int = 10,
        *,
        attributes: Sequence[str] | None = None,
        owner: str | None = None,
        run: str | None = None,
        anyway: bool = False,
    ) -> pd.DataFrame:
        """Return the best attributes of some users, user by user, best first.

        Columns: user, rank, attribute, label, owner, score, above_threshold, verdict. attrs: run, score_kind,
        left_out (attributes that evidence speaks against).
        """
        body = {"users": list(users), "top": top, **about(run, owner, anyway=anyway)}
        if attributes is not None:
            body["attributes"] = list(attributes)
        told = self._line.post("/v1/top-attributes", body)
        whole = _told(told, "run", "score_kind", "left_out")
        return frame(told["rows"], columns.TOP_ATTRIBUTES, about=whole)

    def why(
        self,
        user: str,
        attribute: str,
        top: int = 10,
        *,
        owner: str | None = None,
        run: str | None = None,
        anyway: bool = False,
    ) -> pd.DataFrame:
        """Return which of a user's own items drive the score for an attribute; up to `top` each way.

        Columns: key, label, score_without (the score had the user all items but this), effect (by how much
        the item raises the score), similarity (cosine of the vectors, where they are in one space),
        matched_with (owners of the attribute who sell the item too). The highest effect first, those that
        lower the score last. attrs: run, score, score_without_supporting, items, considered, why_not.
        """
        body = {"user": user, "attribute": attribute, "top": top, **about(run, owner, anyway=anyway)}
        told = self._line.post("/v1/why", body)
        rows = [*told["supporting"], *reversed(told["opposing"])]
        names = ("run", "score", "score_without_supporting", "items", "considered", "why_not")
        return frame(rows, columns.WHY, about=_told(told, *names))

    def quality(self, peer: str | None = None, *, run: str | None = None) -> pd.DataFrame:
        """Return how good predictions were: a row for the items of each peer, one for each user attribute.

        Columns: peer, key and label (of a user attribute, empty for the items), verdict, source (what it was
        measured on), roc_auc and average_precision with _lower and _upper, base_rate, threshold,
        hidden_items, reasons. attrs: run.
        """
        told = self._line.get("/v1/quality", peer=peer, run=run)
        rows = [row for each in told["peers"] for row in quality_rows(each)]
        return frame(rows, columns.QUALITY, about=_told(told, "run"))

    def changes(self, since: str | None = None, *, run: str | None = None) -> pd.DataFrame:
        """Return what changed since an earlier run, the one before by default.

        Columns: key, label, owner, what (came, went, changed), verdict_before, verdict_after, roc_auc_before,
        roc_auc_after, roc_auc (higher, lower, or empty where chance may explain it), why (it went). attrs:
        before, after (the runs), same (how many stayed as they were).
        """
        told = self._line.get("/v1/changes", since=since, run=run)
        rows = [
            {**change_row(each), "what": what} for what in ("came", "went", "changed") for each in told[what]
        ]
        return frame(rows, columns.CHANGES, about=_told(told, "before", "after", "same"))

    def _file(self, path: str, body: Mapping[str, Any]) -> pd.DataFrame:
        """Return the rows of an answer that is too large for JSON."""
        with self._line.post_for_file(path, {**body, "format": "csv"}) as response:
            content = io.BytesIO(response.read())
        texts = dict.fromkeys(("user", "attribute", "owner", "verdict"), "string")
        # A user may be called NA.
        rows = pd.read_csv(
            content,
            dtype={**texts, "above_threshold": "boolean"},
            keep_default_na=False,
            na_values={"above_threshold": [""]},
        )
        return rows.rename(columns={"probability": "score"})[list(columns.PREDICTIONS)]


def _told(answer: Mapping[str, Any], *names: str) -> Json:
    return {name: answer.get(name) for name in names}
