"""What people are told of a run before it begins."""

from __future__ import annotations

from feddmf.cli.output import say
from feddmf.mask_notice import mask_notices
from feddmf.plan import Plan, StageRows

__all__ = ["say_notices"]


def say_notices(plan: Plan, rows: StageRows) -> list[str]:
    """Say what masks do not hide in the run of `plan`; return what was said, for programs."""
    notices = list(mask_notices(plan, rows))
    for notice in notices:
        say(f"note: {notice}")
    return notices
