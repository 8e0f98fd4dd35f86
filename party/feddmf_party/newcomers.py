"""Users who came after a run: what they have, read by the items of that run."""

from __future__ import annotations

from pathlib import Path

from feddmf_party.data.loader import PartyTable, load_interactions
from feddmf_party.data.settings import InteractionsSettings
from feddmf_party.folder import PartyFolder
from feddmf_party.run_folder import RunFolder

__all__ = ["load_newcomers"]


def load_newcomers(path: Path, home: PartyFolder, run: RunFolder) -> PartyTable:
    """Read a table of new users' interactions, in the form of the party's own table by its settings.

    Without settings, as in a folder that a simulation left, its columns are user and item. DataError names
    file, row and item where the run did not know an item and the settings do not skip such rows.
    """
    settings = home.settings().data if home.settings_file.is_file() else InteractionsSettings(path=path)
    settings = settings.model_copy(update={"path": path, "format": "auto"})
    return load_interactions(settings, run.load_items().local_ids)
