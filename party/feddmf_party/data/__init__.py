"""A company's own tables: where they lie, how they are read, what they become."""

from __future__ import annotations

from feddmf_party.data.loader import load_interactions
from feddmf_party.data.party_table import PartyTable
from feddmf_party.data.settings import AttributeTableSettings, InteractionsSettings
from feddmf_party.data.tables import Batch, read_batches

__all__ = [
    "AttributeTableSettings",
    "Batch",
    "InteractionsSettings",
    "PartyTable",
    "load_interactions",
    "read_batches",
]
