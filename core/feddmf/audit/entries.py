"""What was sent, in the words of either ledger, so that both can be held against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["SENT", "Entry"]

# Events of a party's ledger by which something leaves; a receipt of the coordinator says `of` which it is.
SENT = frozenset({"release", "offer", "withdrawal", "matching"})


@dataclass(frozen=True)
class Entry:
    """One thing that left, as record `number` of a ledger has it.

    digest: SHA-256 of the payload, or of the item keys where nothing else was sent.
    """

    number: int
    event: str
    run: str
    phase: str
    round: int
    digest: str
    bytes: int

    @classmethod
    def of(cls, record: Mapping[str, Any], event: str) -> Entry:
        """Return the entry of a record; what it does not say is empty."""
        # A matching belongs to a peer and a catalogue version in place of a run, and has steps for rounds.
        number, step, size = (record.get(name) for name in ("round", "step", "bytes"))
        number = number if isinstance(number, int) else step
        return cls(
            int(record["number"]),
            event,
            str(record.get("run") or record.get("peer") or ""),
            str(record.get("phase") or record.get("catalogue_version") or ""),
            number if isinstance(number, int) else 0,
            str(record.get("sha256") or record.get("items") or ""),
            size if isinstance(size, int) else 0,
        )

    @property
    def place(self) -> tuple[str, str, str, int]:
        """Where it belongs, by which the two sides' entries find each other."""
        return self.event, self.run, self.phase, self.round

    @property
    def is_unique(self) -> bool:
        """Whether one thing only is ever sent to its place; offers and their like follow one another."""
        return self.event == "release"

    def __str__(self) -> str:
        if self.event == "matching":
            return f"matching with {self.run} under catalogue version {self.phase}, step {self.round}"
        where = f" of run {self.run}, {self.phase} {self.round}" if self.run else ""
        return f"{self.event}{where}"
