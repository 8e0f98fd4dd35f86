"""Logging of the long-running commands: one line a record, on stderr."""

from __future__ import annotations

import logging

__all__ = ["log_to_stderr"]


def log_to_stderr(*, verbose: bool = False) -> None:
    """Show our own records from INFO up (DEBUG with `verbose`), other libraries' from WARNING up."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    for name in ("feddmf", "feddmf_party", "feddmf_coordinator"):
        logging.getLogger(name).setLevel(logging.DEBUG if verbose else logging.INFO)
