"""Logging of the long-running commands on stderr: one line a record, for people or as JSON; times in UTC."""

from __future__ import annotations

import json
import logging
import os
import time
from datetime import UTC, datetime
from typing import Any

from feddmf.cli.output import SAID
from feddmf.errors import InputError
from feddmf.telemetry.about import about
from feddmf.telemetry.settings import LoggingSettings

__all__ = ["log_to_stderr"]

_VARIABLE = "FEDDMF_LOG"
_FORMATS = ("text", "json")


class _UtcFormatter(logging.Formatter):
    """Writes 2025-01-31T08:15:00Z, whatever the machine's time zone."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%SZ"
    default_msec_format = None


class _JsonFormatter(logging.Formatter):
    """One object a line: time, level, logger, message, and what the record is about where that is known."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line of JSON in ASCII."""
        at = datetime.fromtimestamp(record.created, UTC)
        told: dict[str, Any] = {
            "time": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **about(),
        }
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return json.dumps(told)


def log_to_stderr(settings: LoggingSettings | None = None, *, verbose: bool = False) -> None:
    """Show our own records from INFO up (DEBUG with `verbose`), other libraries' from WARNING up.

    As JSON each line of stderr is a record, also what is said to a person. InputError where FEDDMF_LOG is
    neither text nor json.
    """
    handler = logging.StreamHandler()
    if _format(settings or LoggingSettings()) == "json":
        handler.setFormatter(_JsonFormatter())
        said = logging.getLogger(SAID)
        said.addHandler(handler)
        said.propagate = False
        logging.captureWarnings(capture=True)
    else:
        handler.setFormatter(_UtcFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    for name in ("feddmf", "feddmf_party", "feddmf_coordinator"):
        logging.getLogger(name).setLevel(logging.DEBUG if verbose else logging.INFO)


def _format(settings: LoggingSettings) -> str:
    asked = os.environ.get(_VARIABLE) or settings.format
    if asked not in _FORMATS:
        raise InputError(f"{_VARIABLE} is {asked!r}", hint=f"set it to one of: {', '.join(_FORMATS)}")
    return asked
