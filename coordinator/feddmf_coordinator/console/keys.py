"""Who may come into the console: holders of an operator's token."""

from __future__ import annotations

import logging
from typing import Any

from feddmf.errors import FedDMFError
from feddmf_coordinator.console.office import Office, Signed
from feddmf_coordinator.store.operators import find_operator

__all__ = ["OperatorKeys"]

log = logging.getLogger(__name__)


class OperatorKeys:
    """The operators' tokens, looked up in the database at every request."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def holder(self, token: str) -> Signed | None:
        """Return the operator with a token; None where it is nobody's, or was removed."""
        with self._office.database.read() as connection:
            name = find_operator(connection, token)
        return None if name is None else Signed(name)

    def let_in(self, holder: Any) -> None:
        """Every operator may come in at any time."""

    def note_refused(self, holder: Any, error: FedDMFError) -> None:
        """Say in the log whose request was refused; what changes nothing is in no operator log."""
        log.warning("a request of %s was refused: %s", holder.name, error.message)
