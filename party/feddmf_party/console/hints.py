"""What to do about an error, in the words of a page: hints are written for the command line first."""

from __future__ import annotations

from feddmf.errors import FedDMFError

__all__ = ["on_page"]

_ON_PAGE = {
    "to be answered all the same, say --anyway": "to see it all the same, tick the box for what evidence "
    "speaks against",
    "see feddmf quality report": "see the page of the attribute",
    "cut the ranking yourself: --size N or --above P": "cut by a number of customers or a probability",
    "list what can be asked for: feddmf attributes list": "see Attributes for what can be asked for",
    "list them: feddmf attributes list": "see Attributes for what can be asked for",
    "ask for another: feddmf attributes list": "see Attributes for what else can be asked for",
    "leave the user out, or score the user's items: --interactions FILE": "check the id, as your own tables "
    "have it",
}


def on_page(error: FedDMFError) -> FedDMFError:
    """Return the error with a hint that whoever looks at a page can follow."""
    parts = [_ON_PAGE.get(part, part) for part in error.hint.split("; ")]
    hint = _ON_PAGE.get(error.hint, "; ".join(parts))
    return FedDMFError(error.message, hint=hint)
