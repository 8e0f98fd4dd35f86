"""The egress ledger in plain words: what left, to whom, when, in which run, how much of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from feddmf.ledger import KEY_EVENT, MENDED_EVENT, PUBLISHING, RESTORED_EVENT
from feddmf_party.privacy_budget import CHARGE_EVENT, RELEASE_EVENT

__all__ = ["Left", "in_words"]

_COORDINATOR = "coordinator"
# What each kind of array is, for somebody who has never seen one.
_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "item_vectors": "vectors of items",
        "context_vectors": "vectors of items, as context",
        "shared_layers": "layers of the model",
        "item_gradient": "gradients of items",
        "gram": "a summary matrix",
        "sufficient_statistics": "sums over all customers",
        "masked_sum": "sums behind a mask",
        "noisy_gram": "a summary matrix with noise",
        "attribute_vector": "vectors of items and attributes",
        "item_count": "how many have each item",
        "quality_scalar": "how good each of them is",
        "loss_scalar": "how well the training went",
        "psi_point": "blinded item keys",
        "public_key": "a public key",
    }
)


@dataclass(frozen=True)
class Left:
    """One record of the ledger in words.

    left: whether anything left with it; to: whom it went to, empty where to nobody; vectors: how many rows
    the largest of its arrays has; privacy: what it cost, or which release it was made of.
    """

    number: int
    at: str
    what: str
    left: bool
    to: str
    run: str
    step: str
    vectors: int | None
    bytes: int | None
    privacy: str

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return asdict(self)


def in_words(records: Iterable[Mapping[str, Any]], own: str) -> tuple[Left, ...]:
    """Return every record of a ledger in words, in its order; own: the party whose ledger it is."""
    return tuple(_told(records, own))


def _told(records: Iterable[Mapping[str, Any]], own: str) -> Iterator[Left]:
    rosters: dict[str, Sequence[str]] = {}
    for record in records:
        run = _text(record, "run")
        if record.get("event") == "join" and isinstance(record.get("parties"), list):
            rosters[run] = [str(party) for party in record["parties"] if party != own]
        what, to = _what(record, rosters.get(run, ()))
        yield Left(
            number=int(record["number"]),
            at=_text(record, "at"),
            what=what,
            left=bool(to),
            to=to,
            run=run,
            step=_step(record),
            vectors=_rows(record),
            bytes=record["bytes"] if isinstance(record.get("bytes"), int) else None,
            privacy=_privacy(record),
        )


def _what(record: Mapping[str, Any], roster: Sequence[str]) -> tuple[str, str]:
    """Return what a record says, and whom anything went to."""
    others = f"{', '.join(roster)}, by the {_COORDINATOR}" if roster else f"peers, by the {_COORDINATOR}"
    count = record.get("count")
    match record.get("event"):
        case "release" if record.get("phase") == PUBLISHING:
            return f"Published {_kinds(record)}", others
        case "release":
            return f"Sent {_kinds(record)}", _COORDINATOR
        case "offer":
            return f"Offered {count} items and attributes: their names alone", others
        case "withdrawal":
            taken = f"{count} items and attributes" if count else "everything of the run"
            return f"Took back {taken}: {_text(record, 'reason') or 'no reason given'}", others
        case "matching":
            return (
                "Sent blinded item keys to find shared items",
                f"{_text(record, 'peer')}, by the {_COORDINATOR}",
            )
        case event:
            return _not_left(str(event), record), ""


def _not_left(event: str, record: Mapping[str, Any]) -> str:
    """Return what a record says by which nothing left."""
    told = {
        "join": f"Joined the run: {_text(record, 'purpose') or 'no purpose given'}",
        "forget": f"Forgot {record.get('count')} customers in every run",
        KEY_EVENT: "Signs with another key from here on",
        MENDED_EVENT: "Set a torn last line aside",
        RESTORED_EVENT: "Went on from a backup",
        CHARGE_EVENT: "Charged the privacy budget for the run",
        RELEASE_EVENT: "Drew the private release of the run, from which all that it sends is made",
    }
    return told.get(event, event)


def _kinds(record: Mapping[str, Any]) -> str:
    kinds = dict.fromkeys(str(each.get("kind")) for each in _arrays(record))
    return ", ".join(_KINDS.get(kind, kind) for kind in kinds) or "nothing"


def _arrays(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    arrays = record.get("arrays")
    return [each for each in arrays if isinstance(each, Mapping)] if isinstance(arrays, list) else []


def _rows(record: Mapping[str, Any]) -> int | None:
    shapes = [each.get("shape") for each in _arrays(record)]
    return max((shape[0] for shape in shapes if isinstance(shape, list) and shape), default=None)


def _step(record: Mapping[str, Any]) -> str:
    number = record.get("round")
    return _text(record, "phase") if number is None else f"{_text(record, 'phase')} {int(number) + 1}"


def _privacy(record: Mapping[str, Any]) -> str:
    if record.get("post_processing_of") is not None:
        return f"made of record {record['post_processing_of']}"
    epsilon = record.get("epsilon")
    return f"epsilon {epsilon:.3g}" if isinstance(epsilon, int | float) else ""


def _text(record: Mapping[str, Any], name: str) -> str:
    return "" if record.get(name) is None else str(record[name])
