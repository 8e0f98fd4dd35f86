"""The run file: what a run trains, how its parties align, how long anybody is waited for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from feddmf.config import Settings, parse_settings, read_toml
from feddmf.privacy_settings import PrivacySettings
from feddmf.protocol_settings import FCFSettings, FedAvgSettings, TransferSettings

__all__ = [
    "RECIPES",
    "AlignmentSettings",
    "EnforcementSettings",
    "ModelSettings",
    "ProtocolName",
    "RecipeName",
    "RunSettings",
    "TrainingSettings",
    "WaitSettings",
    "load_run",
]

ProtocolName = Literal["feddmf", "fedavg", "fcf", "transfer"]
RecipeName = Literal["default", "embedding", "paper"]
PartyId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,31}$")]

# A recipe is a set of defaults; any key of the run file wins over it. What the classes below say is the
# default recipe of feddmf: a history tower. The others have a free vector a user.
RECIPES: Mapping[str, Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "default": {},
        "embedding": {
            "model": {"tower": "id", "embedding_dim": 32, "dropout": 0.2},
            "training": {"epochs": 20, "batch_size": 1024, "learning_rate": 6e-3},
            "alignment": {"method": "cosine", "syncs_per_epoch": 5, "max_rounds": 100},
        },
        "paper": {
            "model": {"tower": "id", "embedding_dim": 32, "hidden_dim": 64, "dropout": 0.2},
            "training": {"epochs": 30, "batch_size": 32, "learning_rate": 1e-3, "negatives": 1},
            "alignment": {
                "method": "cosine",
                "beta": 100.0,
                "margin": 0.2,
                "probe_share": 0.0,
                "syncs_per_epoch": 5,
                "max_rounds": 100,
            },
            "fedavg": {"syncs_per_epoch": 1},
        },
    }
)

MASKABLE = ("fedavg", "fcf")
LEAST_QUORUM = 2

FULL_RANK = 1024
"""Columns of linear vectors with `linear_rank = "full"`: more than the data of most parties carries."""


class ModelSettings(Settings):
    """Shape of the DeepMF model (FedDMF paper, section IV.B, figure 4)."""

    tower: Literal["history", "id"] = Field(
        default="history",
        description="Where user vectors come from: the items that a user has, or a free vector each.",
    )
    embedding_dim: int = Field(default=64, ge=1, le=1024, description="Length of user and item vectors.")
    hidden_dim: int = Field(
        default=64, ge=1, le=4096, description="Width of the first fully connected layer; tower id only."
    )
    dropout: float = Field(
        default=0.5,
        ge=0,
        lt=1,
        description="Share dropped in training: of a user's items with tower history, else of hidden units.",
    )


class TrainingSettings(Settings):
    """How each party fits its model at home."""

    epochs: int = Field(default=50, ge=1, le=10_000, description="Passes over the users or observed pairs.")
    max_steps: int = Field(
        default=400,
        ge=1,
        le=100_000_000,
        description="Cap on the steps of a training, however many users there are; tower history only.",
    )
    batch_size: int = Field(
        default=100,
        ge=1,
        le=1_000_000,
        description="What a step takes: users with tower history, samples (user, item, label) with id.",
    )
    learning_rate: float = Field(
        default=1e-2, gt=0, le=1, description="Step size of Adam; with tower history it falls to a twentieth."
    )
    negatives: int = Field(
        default=6,
        ge=1,
        le=100,
        description="Unobserved pairs drawn for each observed one; tower id only, history takes all.",
    )
    optimizer: Literal["adam", "lazy_adam"] = Field(
        default="adam",
        description="lazy_adam leaves vectors that no sample of a step touches as they are; tower id only.",
    )
    engine: Literal["auto", "compiled", "torch", "cuda"] = Field(
        default="auto",
        description="What computes the steps: cuda where there is one, else compiled; part of bit-identity.",
    )
    threads: int = Field(default=1, ge=1, le=256, description="Threads of the trainer; part of bit-identity.")


class AlignmentSettings(Settings):
    """The embedding similarity loss (FedDMF paper, eq. 4) and how often vectors are exchanged."""

    method: Literal["tie", "cosine", "once"] = Field(
        default="tie",
        description="How matched vectors come together: replaced by their average (the limit of the loss for "
        "large beta), pulled by the loss, or not at all: maps are exchanged once, after training.",
    )
    beta: float = Field(default=10.0, ge=0, le=1e6, description="Weight of the loss.")
    margin: float = Field(
        default=0.0, ge=0, lt=2, description="Cosine distance below which a pair is left alone (m)."
    )
    syncs_per_epoch: int = Field(default=1, ge=1, le=1_000_000, description="Exchanges an epoch.")
    max_rounds: int = Field(default=20, ge=1, le=1_000_000, description="Cap on exchanges a training.")
    hidden_share: float = Field(
        default=0.1,
        ge=0,
        le=0.25,
        description="Share of matched items that each party hides from a first training, to learn from "
        "them how far the peers' vectors hold for its users; 0 for none. Tower history only.",
    )
    probe_share: float = Field(
        default=0.05, ge=0, le=0.5, description="Share of matched items never aligned, to measure with."
    )
    encoding: Literal["float32", "float16", "int8"] = Field(
        default="float32",
        description="How vectors travel: whole, or rounded to a half or a quarter of the bytes.",
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
    quorum: int = Field(
        default=0,
        ge=0,
        le=64,
        description="How many parties a round of fedavg or fcf, without masks, can do with; 0: all.",
    )
    quorum_s: float = Field(
        default=10,
        ge=0,
        le=86_400,
        description="For the others, once the quorum's contributions to a round are there.",
    )


class RunSettings(Settings):
    """A whole run file."""

    name: str = Field(description="What people call the run.", min_length=1, max_length=100)
    purpose: str = Field(
        description="What the predictions are for; each party's ledger keeps it.", min_length=1
    )
    parties: tuple[PartyId, ...] = Field(description="Who takes part.", min_length=2, max_length=64)
    protocol: ProtocolName = Field(default="feddmf", description="How the parties learn from one another.")
    masks: bool = Field(
        default=False,
        description="Hide each contribution of fedavg and fcf in the sum; from peers only among three.",
    )
    recipe: RecipeName = Field(default="default", description="Defaults for the sections below.")
    linear_rank: Annotated[int, Field(ge=0, le=FULL_RANK)] | Literal["full"] = Field(
        default=64,
        description='Length of the linear vectors beside those of tower history, or "full"; with 0, none, '
        "predictions do not know how popular an item is.",
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="Root of every random draw of the run.")
    model: ModelSettings = ModelSettings()
    training: TrainingSettings = TrainingSettings()
    alignment: AlignmentSettings = AlignmentSettings()
    fedavg: FedAvgSettings = FedAvgSettings()
    fcf: FCFSettings = FCFSettings()
    transfer: TransferSettings = TransferSettings()
    privacy: PrivacySettings = PrivacySettings()
    enforcement: EnforcementSettings = EnforcementSettings()
    waits: WaitSettings = WaitSettings()

    @model_validator(mode="before")
    @classmethod
    def _apply_recipe(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        merged = dict(values)
        if isinstance(merged.get("alignment"), str):
            merged["alignment"] = {"method": merged["alignment"]}
        for section, defaults in _defaults(merged).items():
            given = merged.get(section, {})
            if isinstance(given, Settings):
                given = given.model_dump(exclude_unset=True)
            if isinstance(given, Mapping):
                merged[section] = {**defaults, **given}
        return merged

    @model_validator(mode="after")
    def _tower_fits(self) -> RunSettings:
        if self.protocol == "fedavg" and self.model.tower != "id":
            raise ValueError("fedavg averages the layers of tower id, and a history tower has none")
        if self.protocol == "feddmf" and self.model.tower == "id" and self.alignment.method == "once":
            raise ValueError('alignment.method = "once" needs model.tower = "history"')
        return self

    @model_validator(mode="after")
    def _privacy_fits(self) -> RunSettings:
        if not self.privacy.is_private or (self.protocol == "transfer" and not self.masks):
            return self
        if not self.has_history or self.alignment.method != "tie":
            raise ValueError(
                'privacy.mode = "gram" needs protocol transfer, or protocol feddmf with model.tower = '
                '"history" and alignment.method = "tie"; nothing else can be made of a private release'
            )
        return self

    @model_validator(mode="after")
    def _parties_differ(self) -> RunSettings:
        if len(set(self.parties)) < len(self.parties):
            raise ValueError("parties names the same party twice")
        return self

    @model_validator(mode="after")
    def _quorum_fits(self) -> RunSettings:
        quorum = self.waits.quorum
        if not quorum:
            return self
        if self.protocol not in MASKABLE:
            raise ValueError(
                f"waits.quorum needs protocol {' or '.join(MASKABLE)}, whose sums can be taken of fewer "
                f"parties; {self.protocol} needs everybody in every round"
            )
        if self.masks:
            raise ValueError("waits.quorum needs masks = false: masks cancel in the sum of all parties alone")
        if not LEAST_QUORUM <= quorum <= len(self.parties):
            raise ValueError(
                f"waits.quorum = {quorum} of {len(self.parties)} parties; it takes {LEAST_QUORUM} at least, "
                "since the sum of one is its own contribution, and all at most"
            )
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
    def has_history(self) -> bool:
        """Whether user vectors come from the users' own items."""
        return self.protocol == "feddmf" and self.model.tower == "history"

    @property
    def hidden_share(self) -> float:
        """Share of matched items that each party hides from a first training; only histories can."""
        return self.alignment.hidden_share if self.has_history else 0.0

    @property
    def linear_columns(self) -> int:
        """Length of the linear vectors of a history recipe."""
        return FULL_RANK if self.linear_rank == "full" else self.linear_rank

    @property
    def probe_share(self) -> float:
        """Share of matched items that are never aligned; only feddmf has an alignment to measure."""
        return self.alignment.probe_share if self.protocol == "feddmf" else 0.0


def _defaults(values: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """Return the recipe of a run file that is not validated yet."""
    recipe = str(values.get("recipe", "default"))
    model = values.get("model", {})
    tower = model.tower if isinstance(model, ModelSettings) else None
    if isinstance(model, Mapping):
        tower = model.get("tower")
    if recipe == "default" and (values.get("protocol", "feddmf") != "feddmf" or tower == "id"):
        recipe = "embedding"
    return RECIPES.get(recipe, {})


def load_run(path: Path) -> RunSettings:
    """Read and validate a run file; ConfigError names file and key."""
    return parse_settings(read_toml(path, what="the run file"), RunSettings, where=str(path))
