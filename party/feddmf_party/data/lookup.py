"""Whether users are in a company's own tables, which are read and never written."""

from __future__ import annotations

from collections.abc import Collection

from feddmf.progress import NOBODY, Progress
from feddmf_party.data.codes import IdCodes
from feddmf_party.data.columns import encoded_ids
from feddmf_party.data.settings import AttributeTableSettings, InteractionsSettings
from feddmf_party.data.sources import read_source

__all__ = ["users_in_source"]


def users_in_source(
    settings: InteractionsSettings | AttributeTableSettings,
    users: Collection[str],
    progress: Progress = NOBODY,
) -> frozenset[str]:
    """Return those of `users` with a row in a table; it is read whole, as `progress` hears.

    Errors as the loader's.
    """
    found = IdCodes()
    for batch in read_source(settings, (settings.user_column,), progress=progress):
        found.add(encoded_ids(batch, settings.user_column))
    return frozenset(found.sorted()[0]) & frozenset(users)
