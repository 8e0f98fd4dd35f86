"""The one gate: schema, policy, ledger; only what it has cleared can be handed to the socket."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from feddmf.catalogue.view import CatalogueView
from feddmf.errors import PolicyError
from feddmf.payload import Axis, Encoding, Payload, PayloadSchema, longest_row
from feddmf.plan import Plan
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.offer import check_offer
from feddmf_party.policy import ITEM_KINDS, Policy

__all__ = ["Cleared", "ClearedOffer", "EgressGate", "clear_offer", "items_digest"]


@dataclass(frozen=True)
class Cleared:
    """A payload that the gate has passed and the ledger holds. Nothing else makes one.

    sha256: the payload's digest, as the ledger has it.
    """

    run: str
    phase: str
    round: int
    schema: PayloadSchema
    payload: Payload
    ledger_number: int
    sha256: bytes | None = None


@dataclass(frozen=True)
class ClearedOffer:
    """Keys of items that the party is ready to publish; the ledger holds that it said so."""

    catalogue_version: int
    keys: tuple[str, ...]
    ledger_number: int


def clear_offer(ledger: LedgerFile, view: CatalogueView, keys: Sequence[str], *, where: str) -> ClearedOffer:
    """Check that `keys` are the party's own alone, record the offer, and return it cleared.

    Raises CatalogueError naming `where` and the key; then nothing is recorded.
    """
    check_offer(keys, view, where=where)
    chosen = tuple(sorted(set(keys)))
    record = {
        "event": "offer",
        "catalogue_version": view.version,
        "count": len(chosen),
        "items": items_digest(chosen),
    }
    return ClearedOffer(view.version, chosen, ledger.append(record))


class EgressGate:
    """Checks and records every release of one run."""

    def __init__(self, plan: Plan, policy: Policy, ledger: LedgerFile) -> None:
        self._plan = plan
        self._policy = policy
        self._ledger = ledger
        # A node that was restarted within a run goes on counting where it was. What it sends again is
        # recorded again, and counts once: nobody learns more from it.
        self._bytes = {
            (record["phase"], record["round"], record["sha256"]): int(record["bytes"])
            for record in ledger.records()
            if record.get("event") == "release" and record.get("run") == plan.run
        }

    @property
    def run_bytes(self) -> int:
        """Bytes that have left in this run, by earlier processes of the node too."""
        return sum(self._bytes.values())

    def join(self, conditions: str) -> None:
        """Record that the party joins the run, for what purpose, with whom, and how.

        conditions: what its contributions depend on, from `conditions_of`; never sent.
        """
        settings = self._plan.settings
        self._ledger.append(
            {
                "event": "join",
                "run": self._plan.run,
                "purpose": settings.purpose,
                "parties": list(self._plan.roster),
                "catalogue": self._plan.catalogue,
                "protocol": settings.protocol,
                "seed": settings.seed,
                "masks": settings.masks,
                "conditions": conditions,
            }
        )

    def clear(
        self,
        phase: str,
        number: int,
        payload: Payload,
        *,
        schema: PayloadSchema,
        sizes: Mapping[Axis, int],
        items: Sequence[str],
    ) -> Cleared:
        """Check `payload` against schema and policy, record it, and return it cleared.

        `items` are the keys behind its rows. Raises PayloadError where it is outside its schema, PolicyError
        where the policy does not allow it; then nothing is recorded and nothing may leave.
        """
        schema.check(payload, sizes)
        size, digest = schema.sent_bytes(payload), payload.sha256()
        release = (phase, number, digest.hex())
        self._check_policy(payload, schema, sum((self._bytes | {release: size}).values()))
        number_in_ledger = self._ledger.append(
            {
                "event": "release",
                "run": self._plan.run,
                "phase": phase,
                "round": number,
                "arrays": [
                    {
                        "name": spec.name,
                        "kind": spec.kind.value,
                        **({"hides": spec.hides.value} if spec.hides else {}),
                        "dtype": spec.dtype.value,
                        **({} if spec.encoding is Encoding.FLOAT32 else {"encoding": spec.encoding.value}),
                        "shape": list(payload[spec.name].shape),
                    }
                    for spec in schema.arrays
                ],
                "items": items_digest(items),
                "bytes": size,
                "sha256": digest.hex(),
            }
        )
        self._bytes[release] = size
        return Cleared(self._plan.run, phase, number, schema, payload, number_in_ledger, digest)

    def _check_policy(self, payload: Payload, schema: PayloadSchema, run_bytes: int) -> None:
        hint = "change policy.toml if this may leave"
        for spec in schema.arrays:
            for kind in spec.kinds:
                if kind not in self._policy.release_kinds:
                    raise PolicyError(f"{spec.name} is {kind.value}, which the policy keeps in", hint=hint)
            array = payload[spec.name]
            if spec.kind in ITEM_KINDS and array.size:
                longest = longest_row(array)
                limit = self._policy.max_row_norm
                if longest > limit:
                    raise PolicyError(
                        f"{spec.name} has a row of norm {longest:.3g}, over max_row_norm = {limit:g}",
                        hint="raise max_row_norm in policy.toml if such vectors may leave",
                    )
        if run_bytes > self._policy.max_run_bytes:
            raise PolicyError(
                f"run {self._plan.run} would have sent {run_bytes} bytes, over max_run_bytes", hint=hint
            )


def items_digest(items: Sequence[str]) -> str:
    """Return the SHA-256, in hex, over the item keys behind the rows of a release."""
    return hashlib.sha256(json.dumps(list(items), separators=(",", ":")).encode()).hexdigest()
