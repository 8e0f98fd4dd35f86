"""Protocols by the name that a run file gives."""

from __future__ import annotations

from feddmf.protocols.base import RunProtocol
from feddmf.protocols.feddmf import FedDMF

__all__ = ["protocol_for"]


def protocol_for(name: str) -> RunProtocol:
    """Return the coordinator's half of protocol `name` (run files are validated against these names)."""
    return {"feddmf": FedDMF}[name]()
