"""The gate for points of a matching: schema, policy, ledger, as `feddmf_party.egress` is for all else."""

from __future__ import annotations

import json
from collections.abc import Collection

from feddmf.errors import PolicyError
from feddmf.matching import MOST_ITEMS, POINTS, Step
from feddmf.payload import Payload, ReleaseKind
from feddmf_party.egress import ClearedPoints
from feddmf_party.ledger_file import LedgerFile
from feddmf_party.policy import Policy

__all__ = ["PointsGate"]


class PointsGate:
    """Checks and records what leaves in one matching: with one peer, under one catalogue version."""

    def __init__(self, policy: Policy, ledger: LedgerFile, peer: str, version: int) -> None:
        self.peer = peer
        self.version = version
        self._policy = policy
        self._ledger = ledger

    @property
    def most(self) -> int:
        """Most items that the policy lets into a matching, from either side."""
        return min(self._policy.max_matching_items, MOST_ITEMS)

    @property
    def answered(self) -> bool:
        """Whether points of the peer were blinded again and left, by which the matching is used up."""
        return _is_used_up(self._left())

    def check(self, items: int) -> None:
        """Raise PolicyError where the policy keeps points in, or those of so many items."""
        kinds = self._policy.release_kinds
        if ReleaseKind.PSI_POINT not in kinds:
            line = json.dumps([*kinds, ReleaseKind.PSI_POINT])
            raise PolicyError(
                "a matching sends psi_point (points), which the policy keeps in",
                hint=f"allow it in policy.toml: release_kinds = {line}",
            )
        if items > self.most:
            raise PolicyError(
                f"{items} items are more than max_matching_items = {self.most}",
                hint=f"match fewer items, or raise max_matching_items in policy.toml (at most {MOST_ITEMS})",
            )

    def clear(self, step: int, payload: Payload) -> ClearedPoints:
        """Check the points of a step, record them, and return them cleared.

        Raises PolicyError where the policy is against it, or where the matching is used up and these are not
        the points that left before; then nothing is recorded and nothing may leave. Of the keys not even a
        digest is recorded: who reads the ledger and knows all but one could guess that one.
        """
        (spec,) = POINTS.arrays
        points = payload[spec.name]
        POINTS.check(payload, {spec.axis: len(points)})
        self.check(len(points))
        digest = payload.sha256()
        left = self._left()
        if _is_used_up(left) and (step, digest.hex()) not in left:
            raise PolicyError(
                f"a matching with {self.peer} under catalogue version {self.version} has sent other points",
                hint="use the items of the first time, or match again after the next catalogue version",
            )
        shape = {"name": spec.name, "kind": spec.kind.value, "dtype": spec.dtype.value}
        number = self._ledger.append(
            {
                "event": "matching",
                "peer": self.peer,
                "catalogue_version": self.version,
                "step": int(step),
                "arrays": [{**shape, "shape": list(points.shape)}],
                "bytes": payload.nbytes,
                "sha256": digest.hex(),
            }
        )
        return ClearedPoints(self.peer, self.version, step, payload, number, digest)

    def _left(self) -> set[tuple[int, str]]:
        """Return step and digest of everything that has left in this matching."""
        address = {"event": "matching", "peer": self.peer, "catalogue_version": self.version}
        return {
            (record["step"], record["sha256"])
            for record in self._ledger.records()
            if all(record.get(name) == value for name, value in address.items())
        }


def _is_used_up(left: Collection[tuple[int, str]]) -> bool:
    return any(step == Step.ANSWER for step, _ in left)
