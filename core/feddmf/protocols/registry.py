"""Protocols by the name that a run file gives."""

from __future__ import annotations

from feddmf.plan import Plan
from feddmf.protocols.base import RunProtocol
from feddmf.protocols.fcf import FCF
from feddmf.protocols.fedavg import FedAvg
from feddmf.protocols.feddmf import FedDMF
from feddmf.protocols.summed import Summed
from feddmf.protocols.transfer import Transfer

__all__ = ["exchanges", "protocol_for"]


def protocol_for(name: str) -> RunProtocol:
    """Return the coordinator's half of protocol `name` (run files are validated against these names)."""
    protocols: dict[str, RunProtocol] = {
        "feddmf": FedDMF(),
        "fedavg": Summed(FedAvg()),
        "fcf": Summed(FCF()),
        "transfer": Transfer(),
    }
    return protocols[name]


def exchanges(plan: Plan) -> int:
    """Return how many exchanges the run of `plan` has, over all its phases."""
    return sum(phase.rounds for phase in protocol_for(plan.settings.protocol).phases(plan))
