"""The run file: what a run trains, how its parties align, how long anybody is waited for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from feddmf.config import Settings, parse_settings, read_toml
from feddmf.protocol_settings import FCFSettings, FedAvgSettings, TransferSettings

__all__ = [
    "RECIPES",
    "AlignmentSettings",
    "EnforcementSettings",
    "ModelSettings",
    "RunSettings",
    "TrainingSettings",
    "WaitSettings",
    "load_run",
]

PartyId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]

# A recipe is a set of defaults; any key of the run file wins over it.
RECIPES: Mapping[str, Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "default": {},
        "paper": {
            "model": {"embedding_dim": 32, "hidden_dim": 64},
            "training": {"epochs": 30, "batch_size": 32, "learning_rate": 1e-3, "negatives": 1},
            "alignment": {"beta": 100.0, "margin": 0.2, "probe_share": 0.0},
            "fedavg": {"syncs_per_epoch": 1},
        },
    }
)

MASKABLE = ("fedavg", "fcf")


class ModelSettings(Settings):
    """Shape of the DeepMF model (FedDMF paper, section IV.B, figure 4)."""

    embedding_dim: int = Field(default=32, ge=1, le=1024, description="Length of user and item vectors.")
    hidden_dim: int = Field(
        default=64, ge=1, le=4096, description="Width of the first fully connected layer."
    )
    dropout: float = Field(default=0.2, ge=0, lt=1, description="Share of hidden units dropped in training.")


class TrainingSettings(Settings):
    """How each party fits its model at home."""

    epochs: int = Field(default=20, ge=1, le=10_000, description="Passes over the observed pairs.")
    batch_size: int = Field(
        default=1024, ge=1, le=1_000_000, description="Samples (user, item, label) a step."
    )
    learning_rate: float = Field(default=6e-3, gt=0, le=1, description="Step size of Adam.")
    negatives: int = Field(
        default=6, ge=1, le=100, description="Unobserved pairs drawn for each observed one."
    )
    threads: int = Field(default=1, ge=1, le=256, description="Threads of the trainer; part of bit-identity.")


class AlignmentSettings(Settings):
    """The embedding similarity loss (FedDMF paper, eq. 4) and how often vectors are exchanged."""

    beta: float = Field(default=10.0, ge=0, le=1e6, description="Weight of the loss.")
    margin: float = Field(
        default=0.0, ge=0, lt=2, description="Cosine distance below which a pair is left alone (m)."
    )
    syncs_per_epoch: int = Field(default=5, ge=1, le=1_000_000, description="Exchanges an epoch.")
    max_rounds: int = Field(default=100, ge=1, le=1_000_000, description="Cap on exchanges a run.")
    probe_share: float = Field(
        default=0.05, ge=0, le=0.5, description="Share of matched items never aligned, to measure with."
    )


class EnforcementSettings(Settings):
    """What the coordinator demands of a run before anything is published."""

    warmup_rounds: int = Field(default=5, ge=1, description="Rounds before following is judged.")
    follow_floor: float = Field(
        default=0.2,
        ge=-1,
        le=1,
        description="Cosine of movement and pull, so far in the run, under which a party is not following.",
    )
    follow_rounds: int = Field(
        default=5, ge=1, description="Rounds in a row under the floor before a party is named."
    )
    not_following: Literal["fail", "report"] = Field(
        default="fail", description="What happens to a run in which a party does not follow."
    )
    probe_floor: float = Field(
        default=0.05,
        ge=-1,
        le=1,
        description="Mean cosine of probe items under which a run publishes nothing.",
    )


class WaitSettings(Settings):
    """Bounds on every wait of a run, in seconds."""

    join_s: float = Field(default=120, gt=0, le=86_400, description="For all parties to accept the run.")
    round_s: float = Field(default=600, gt=0, le=86_400, description="For all contributions of a round.")
    absent_s: float = Field(
        default=20, gt=0, le=86_400, description="Without a sign of life, before a party is missing."
    )
    publish_s: float = Field(
        default=120, gt=0, le=86_400, description="For all publications after the last round."
    )


class RunSettings(Settings):
    """A whole run file."""

    name: str = Field(description="What people call the run.", min_length=1, max_length=100)
    purpose: str = Field(
        description="What the predictions are for; each party's ledger keeps it.", min_length=1
    )
    parties: tuple[PartyId, ...] = Field(description="Who takes part.", min_length=2, max_length=16)
    protocol: Literal["feddmf", "fedavg", "fcf", "transfer"] = Field(
        default="feddmf", description="How the parties learn from one another."
    )
    masks: bool = Field(
        default=False,
        description="Hide each contribution of fedavg and fcf in the sum; from peers only among three.",
    )
    recipe: Literal["default", "paper"] = Field(
        default="default", description="Defaults for the sections below."
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="Root of every random draw of the run.")
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    alignment: AlignmentSettings = AlignmentSettings()
    fedavg: FedAvgSettings = FedAvgSettings()
    fcf: FCFSettings = FCFSettings()
    transfer: TransferSettings = TransferSettings()
    enforcement: EnforcementSettings = EnforcementSettings()
    waits: WaitSettings = WaitSettings()

    @model_validator(mode="before")
    @classmethod
    def _apply_recipe(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        recipe = RECIPES.get(str(values.get("recipe", "default")), {})
        merged = dict(values)
        for section, defaults in recipe.items():
            given = values.get(section, {})
            if isinstance(given, Settings):
                given = given.model_dump(exclude_unset=True)
            if isinstance(given, Mapping):
                merged[section] = {**defaults, **given}
        return merged

    @model_validator(mode="after")
    def _parties_differ(self) -> RunSettings:
        if len(set(self.parties)) < len(self.parties):
            raise ValueError("parties names the same party twice")
        return self

    @field_validator("masks")
    @classmethod
    def _masks_have_sums(cls, masks: bool, info: ValidationInfo) -> bool:
        protocol = info.data.get("protocol")
        if masks and protocol not in MASKABLE:
            raise ValueError(f"masks hide contributions in a sum, and {protocol} adds nothing up")
        return masks

    @property
    def rounds(self) -> int:
        """Number of exchanges that share the training steps, where a protocol trains by steps."""
        cadence = self.fedavg if self.protocol == "fedavg" else self.alignment
        return min(self.training.epochs * cadence.syncs_per_epoch, cadence.max_rounds)

    @property
    def probe_share(self) -> float:
        """Share of matched items that are never aligned; only feddmf has an alignment to measure."""
        return self.alignment.probe_share if self.protocol == "feddmf" else 0.0


def load_run(path: Path) -> RunSettings:
    """Read and validate a run file; ConfigError names file and key."""
    return parse_settings(read_toml(path, what="the run file"), RunSettings, where=str(path))
