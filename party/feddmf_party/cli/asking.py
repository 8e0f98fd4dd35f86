"""What a command was asked about: attributes by key, from the command line or a file."""

from __future__ import annotations

from feddmf.errors import CatalogueError
from feddmf_party.offered import Attribute, refuse_own
from feddmf_party.prediction import Predictor
from feddmf_party.run_folder import RunFolder

__all__ = ["find_attribute"]


def find_attribute(predictor: Predictor, kept: RunFolder, key: str, owner: str | None) -> Attribute:
    """Return one attribute; CatalogueError where no peer has it, or only the party itself does."""
    try:
        return predictor.attribute(key, owner=owner)
    except CatalogueError:
        refuse_own(key, kept.load_items(), predictor.run)
        raise
