"""Logging of the long-running commands: one line a record, on stderr, times in UTC."""

from __future__ import annotations

import logging
import time

__all__ = ["log_to_stderr"]


class _UtcFormatter(logging.Formatter):
    """Writes 2025-01-31T08:15:00Z, whatever the machine's time zone."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%SZ"
    default_msec_format = None


def log_to_stderr(*, verbose: bool = False) -> None:
    """Show our own records from INFO up (DEBUG with `verbose`), other libraries' from WARNING up."""
    handler = logging.StreamHandler()
    handler.setFormatter(_UtcFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    for name in ("feddmf", "feddmf_party", "feddmf_coordinator"):
        logging.getLogger(name).setLevel(logging.DEBUG if verbose else logging.INFO)
