"""The party's own policy, policy.toml: what may leave, and which runs it joins. It believes nobody else."""

from __future__ import annotations

from pydantic import Field

from feddmf.config import Settings
from feddmf.matching import MOST_ITEMS
from feddmf.payload import ReleaseKind
from feddmf.settings_file import render_settings
from feddmf_party.privacy_policy import PrivacyPolicy
from feddmf_party.query_policy import QueryPolicy

__all__ = ["ITEM_KINDS", "LEAST_SUPPORT", "Policy", "render_policy_toml"]

ITEM_KINDS = frozenset({ReleaseKind.ITEM_VECTORS, ReleaseKind.CONTEXT_VECTORS, ReleaseKind.ATTRIBUTE_VECTOR})
"""Kinds whose rows are each one item's vector, which `max_row_norm` bounds."""

# What is told of an item that a single user has is told of that user.
LEAST_SUPPORT = 2
"""Least users behind an item that any policy may ask for."""


class Policy(Settings):
    """A whole policy.toml."""

    protocols: tuple[str, ...] = Field(
        default=("feddmf",), description="Protocols that this party takes part in."
    )
    purposes: tuple[str, ...] = Field(
        default=("*",),
        description="Purposes of runs that this party joins, in whole; * stands for any text. Each run "
        "states one, which the ledger keeps.",
    )
    items: tuple[str, ...] = Field(
        default=("*",),
        description="Keys of items of which anything may leave; * stands for any text. A run that shares "
        "another is declined.",
    )
    release_kinds: tuple[ReleaseKind, ...] = Field(
        default=(
            ReleaseKind.ITEM_VECTORS,
            ReleaseKind.CONTEXT_VECTORS,
            ReleaseKind.ATTRIBUTE_VECTOR,
            ReleaseKind.LOSS_SCALAR,
            ReleaseKind.QUALITY_SCALAR,
        ),
        description="Kinds of arrays that may leave. Item counts are sales figures.",
    )
    max_rounds: int = Field(default=1_000, ge=1, description="Most exchanges in one run.")
    max_run_bytes: int = Field(
        default=2_000_000_000, ge=1, description="Most bytes that may leave in one run."
    )
    max_row_norm: float = Field(
        default=1e4,
        gt=0,
        description="Longest vector of an item that may leave (item_vectors, context_vectors, "
        "attribute_vector). It does not bound sums (layers, gradients, Grams, statistics, masked sums), "
        "which grow with a party.",
    )
    min_support: int = Field(
        default=3,
        ge=LEAST_SUPPORT,
        description="Least users behind what fcf, transfer and the linear part of feddmf send of an item: "
        "a run may ask for more.",
    )
    min_users: int = Field(
        default=5, ge=2, description="Least users of this company in a run, whatever its protocol."
    )
    min_item_users: int = Field(
        default=1,
        ge=1,
        description="Least users behind an item that training may learn from, whatever the protocol: pairs "
        "of items with fewer are left out before anything is computed, and what is sent of such an item "
        "tells of nobody. 1 leaves none out; 3 costs 0.008 of average precision on ml-latest-small.",
    )
    publication_days: int = Field(
        default=365,
        ge=1,
        le=36_500,
        description="Days for which peers may use what this party publishes after a run; it can be taken "
        "back before (feddmf attributes withdraw).",
    )
    max_matching_items: int = Field(
        default=20_000,
        ge=1,
        le=MOST_ITEMS,
        description="Most items in a matching with a peer (feddmf catalog match), of this party or of the "
        "peer, which can test as many guesses. It also takes psi_point among release_kinds.",
    )
    privacy: PrivacyPolicy = Field(
        PrivacyPolicy(), description="How much all runs together may reveal of one user."
    )
    queries: QueryPolicy = Field(
        QueryPolicy(), description="Who may ask this party's query API, how often and how much."
    )


def render_policy_toml() -> str:
    """Return the commented policy.toml that `feddmf party init` leaves."""
    return render_settings(Policy, {}, intro="What may leave this company, whatever a run asks for.")
