"""The versions of the wire that this one speaks, and what two ends with a range each agree on.

Version 3 adds to version 2: the clock in Hello, transfers that go on where they were cut, and the round that
is open where one was closed without the caller. Whoever does not know these does without.
"""

from __future__ import annotations

from feddmf.errors import RunFailed

__all__ = ["NEWEST", "OLDEST", "agreed", "held_to"]

OLDEST = 2
NEWEST = 3


def agreed(oldest: int, newest: int) -> int:
    """Return the newest version that both speak, given a party's range; RunFailed names who must upgrade.

    newest: 0 in the Hello of a party of version 2, which speaks `oldest` alone.
    """
    newest = max(oldest, newest)
    if oldest <= NEWEST and newest >= OLDEST:
        return min(newest, NEWEST)
    raise RunFailed(
        f"the party speaks wire version {_range(oldest, newest)}, the coordinator {_range(OLDEST, NEWEST)}",
        hint=f"upgrade the {'party' if newest < OLDEST else 'coordinator'}",
    )


def held_to(version: int) -> int:
    """Return the version that a coordinator answers with; RunFailed where this party does not speak it."""
    if OLDEST <= version <= NEWEST:
        return version
    raise RunFailed(
        f"the coordinator answers with wire version {version}, this party speaks {_range(OLDEST, NEWEST)}",
        hint=f"upgrade the {'coordinator' if version < OLDEST else 'party'}",
    )


def _range(oldest: int, newest: int) -> str:
    return str(oldest) if oldest == newest else f"{oldest} to {newest}"
