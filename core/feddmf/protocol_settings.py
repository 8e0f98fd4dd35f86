"""Sections of the run file that belong to one protocol each."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from feddmf.config import Settings

__all__ = ["FCFSettings", "FedAvgSettings", "TransferSettings"]


class FedAvgSettings(Settings):
    """Federated averaging of the shareable part of DeepMF (FedDMF paper, eq. 3)."""

    weighting: Literal["uniform", "samples"] = Field(
        default="uniform",
        description="What a party counts for in an average: as much as any other, or by its samples.",
    )
    syncs_per_epoch: int = Field(default=5, ge=1, le=1_000_000, description="Averages an epoch.")
    max_rounds: int = Field(default=100, ge=1, le=1_000_000, description="Cap on averages a run.")


class FCFSettings(Settings):
    """Federated collaborative filtering on implicit feedback (Ammad-ud-din et al., 2019)."""

    method: Literal["mm", "adam", "exact"] = Field(
        default="mm",
        description="Item step: majorise-minimise, Adam at the coordinator, or the exact ALS step.",
    )
    rank: int = Field(default=20, ge=1, le=256, description="Length of user and item factors (K).")
    alpha: float = Field(default=1.0, gt=0, le=1e4, description="Confidence c = 1 + alpha r.")
    regularization: float = Field(
        default=10.0, gt=0, le=1e6, description="Weight of the squared factors (lambda)."
    )
    rounds: int = Field(default=20, ge=1, le=10_000, description="Item steps a run.")
    learning_rate: float = Field(
        default=0.1, gt=0, le=10, description="Step size of Adam at the coordinator."
    )
    min_support: int = Field(
        default=5,
        ge=1,
        le=1_000_000,
        description="Items with fewer users at a party count there as unobserved.",
    )
    confidence: Literal["binary", "values"] = Field(
        default="binary", description="What r is: 1 for an observed pair, or the pair's value."
    )
    max_value: float = Field(
        default=10.0,
        gt=0,
        le=1e6,
        description="Values above it count as this much; used with confidence = values.",
    )
    grid: bool = Field(
        default=False,
        description="Round user factors to multiples of 2^-18, so that exact sums alike in any order.",
    )


class TransferSettings(Settings):
    """One-shot linear transfer: ridge from matched to offered items, truncated to a low rank."""

    rank: int = Field(default=64, ge=1, le=1024, description="Length of context and target vectors.")
    ridge: Annotated[float, Field(gt=0, le=1e9)] | Literal["auto"] = Field(
        default="auto",
        description='Weight of the squared coefficients; "auto": each party chooses its own, by the error on '
        "those of its users who are left out.",
    )
    min_support: int = Field(
        default=3,
        ge=1,
        le=1_000_000,
        description="Items with fewer users at a party count there as unobserved.",
    )
