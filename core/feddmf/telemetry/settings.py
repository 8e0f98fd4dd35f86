"""The sections [metrics] and [logging] of both sides' settings files."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from feddmf.config import Settings

__all__ = ["LoggingSettings", "MetricsSettings"]


class MetricsSettings(Settings):
    """Where a process shows its figures; nowhere without a port."""

    listen: str = Field(
        "127.0.0.1",
        min_length=1,
        max_length=253,
        description="Address that figures are shown on. Who reaches it may read them: there is no password.",
    )
    port: int | None = Field(
        None,
        ge=1,
        le=65_535,
        description="Port of /metrics, for Prometheus, of /healthz and /readyz. Without it nothing listens.",
        examples=[9470],
    )


class LoggingSettings(Settings):
    """How the records of a long-running command look."""

    format: Literal["text", "json"] = Field(
        "text",
        description="Lines for people, or one JSON object a line, with run, round and party where known. "
        "The environment variable FEDDMF_LOG wins over it.",
    )
