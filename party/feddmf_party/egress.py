"""The one gate: schema, policy, ledger; only what it has cleared can be handed to the socket."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from feddmf.catalogue.view import CatalogueView
from feddmf.errors import PolicyError
from feddmf.ledger import items_digest
from feddmf.payload import Axis, Encoding, Payload, PayloadSchema, longest_row
from feddmf.plan import Plan
from feddmf.runfile import MASKABLE
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.offer import check_offer
from feddmf_party.patterns import outside
from feddmf_party.policy import ITEM_KINDS, Policy
from feddmf_party.privacy_budget import charges_in, check_budget, release_of

__all__ = [
    "Cleared",
    "ClearedOffer",
    "ClearedPoints",
    "ClearedWithdrawal",
    "EgressGate",
    "clear_offer",
    "clear_withdrawal",
]


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


@dataclass(frozen=True)
class ClearedPoints:
    """Points of one step of a matching, which `PointsGate` has passed and the ledger holds."""

    peer: str
    catalogue_version: int
    step: int
    payload: Payload
    ledger_number: int
    sha256: bytes


@dataclass(frozen=True)
class ClearedWithdrawal:
    """Keys of what the party takes back of a run, none for everything; the ledger holds that it said so."""

    run: str
    keys: tuple[str, ...]
    reason: str
    ledger_number: int


def clear_withdrawal(ledger: LedgerFile, run: str, keys: Sequence[str], *, reason: str) -> ClearedWithdrawal:
    """Record that the party takes `keys` back, all of the run for none, and return that cleared."""
    chosen = tuple(dict.fromkeys(keys))
    record = {
        "event": "withdrawal",
        "run": run,
        "count": len(chosen),
        "items": items_digest(chosen),
        "reason": reason,
    }
    return ClearedWithdrawal(run, chosen, reason, ledger.append(record))


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
        # Of the record of a private run's release, once it is known to be within the budget.
        self._release: int | None = None
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

    @property
    def ends_ms(self) -> int | None:
        """When what was published in this run before ends, in milliseconds since 1970; None for nothing."""
        ends = (
            record.get("expires_ms")
            for record in self._ledger.records()
            if record.get("event") == "release" and record.get("run") == self._plan.run
        )
        return next((int(each) for each in ends if each), None)

    def join(self, conditions: str) -> None:
        """Record that the party joins the run, for what purpose, with whom, and how.

        conditions: what its contributions depend on, from `hidden`; recorded for protocols of sums alone.
        """
        settings = self._plan.settings
        needed = {"conditions": conditions} if settings.protocol in MASKABLE else {}
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
                **needed,
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
        expires_ms: int = 0,
    ) -> Cleared:
        """Check `payload` against schema and policy, record it, and return it cleared.

        `items` are the keys behind its rows; expires_ms: when peers must stop using it. Raises PayloadError
        where it is outside its schema, PolicyError where the policy does not allow it; then nothing is
        recorded and nothing may leave.
        """
        schema.check(payload, sizes)
        self._check_items(items)
        size, digest = schema.sent_bytes(payload), payload.sha256()
        release = (phase, number, digest.hex())
        self._check_policy(payload, schema, sum((self._bytes | {release: size}).values()))
        source = {"post_processing_of": self._private()} if self._plan.settings.privacy.is_private else {}
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
                "items": _known_digest(tuple(items)),
                "bytes": size,
                "sha256": digest.hex(),
                **source,
                **({"expires_ms": expires_ms} if expires_ms else {}),
            }
        )
        self._bytes[release] = size
        return Cleared(self._plan.run, phase, number, schema, payload, number_in_ledger, digest)

    def _check_items(self, items: Sequence[str]) -> None:
        kept = outside(items, self._policy.items)
        if kept:
            raise PolicyError(
                f"nothing of item {kept[0]!r} may leave: the policy's items do not name it",
                hint="add it to items in policy.toml if it may",
            )

    def _private(self) -> int:
        """Return the number of the record that all of a private run follows from.

        Raises PolicyError where there is none yet, or where the charges of all runs are over the budget.
        """
        if self._release is None:
            records = tuple(self._ledger.records())
            check_budget(self._plan.run, None, charges_in(records), self._policy.privacy)
            release = release_of(records, self._plan.run)
            if release is None:
                raise PolicyError(
                    f"run {self._plan.run} is private, of which the ledger has no release: nothing leaves",
                    hint="this is a fault of the program; report it",
                )
            self._release = int(release["number"])
        return self._release

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


@functools.lru_cache(maxsize=4)
def _known_digest(items: tuple[str, ...]) -> str:
    """Return `items_digest(items)`; the rounds of a training are about the same items."""
    return items_digest(items)
