"""The party's settings, party.toml: where its tables are and how patient its node is."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field, field_validator

from feddmf.config import Settings
from feddmf.invitation import ADDRESS_PATTERN
from feddmf.settings_file import render_settings
from feddmf.telemetry.settings import LoggingSettings, MetricsSettings
from feddmf_party.data.settings import AttributeTableSettings, InteractionsSettings

__all__ = [
    "CoordinatorSettings",
    "NodeSettings",
    "PartySettings",
    "ScoreSettings",
    "TorchrunSettings",
    "render_party_toml",
]

_LAST_PORT = 65_535


class NodeSettings(Settings):
    """How the node keeps in touch with the coordinator, in seconds."""

    beat_s: float = Field(2.0, gt=0, le=60, description="Seconds between signs of life.")
    call_s: float = Field(
        30.0, gt=0, le=600, description="Seconds to wait for the answer to any call but an exchange."
    )
    reconnect_s: float = Field(
        60.0,
        gt=0,
        le=86_400,
        description="Seconds to wait for a coordinator that is away before the node gives up.",
    )
    checkpoint_s: float = Field(
        60.0,
        ge=0,
        le=86_400,
        description="Seconds of training that a node which died does again at most; 0 keeps every round.",
    )


class CoordinatorSettings(Settings):
    """Where else the coordinator is, besides the address that this party was enrolled with."""

    addresses: tuple[str, ...] = Field(
        (),
        max_length=16,
        description="More addresses of the coordinator (host:port), tried in turn where it cannot be reached "
        "at the one in identity/federation.toml. All of them lead to the same federation.",
    )

    @field_validator("addresses")
    @classmethod
    def _each_has_a_port(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        for address in addresses:
            is_address = re.match(ADDRESS_PATTERN, address)
            if not is_address or not 0 < int(address.rpartition(":")[2]) <= _LAST_PORT:
                raise ValueError(f"{address!r} is not host:port")
        return addresses


class TorchrunSettings(Settings):
    """How the processes of `torchrun ... -m feddmf party start` train together."""

    average_every: int = Field(
        32,
        ge=1,
        le=1_000_000,
        description="Steps that each process takes between two averages of the model, which come at each "
        "exchange too: fewer stay closer to what one process trains, more cost less time.",
    )


class ScoreSettings(Settings):
    """How much of the disk scores may take that the query API has computed and keeps."""

    most_gb: float = Field(
        16.0,
        ge=0,
        le=100_000,
        description="Most gigabytes of kept scores, of all runs together: 4 MB an attribute for a million "
        "users. Kept scores need not be computed again; 0 keeps none.",
    )
    fill: bool = Field(
        True, description="Whether they are computed beforehand, while nobody asks for anything."
    )

    @property
    def most_bytes(self) -> int:
        """The same in bytes."""
        return int(self.most_gb * 1_000_000_000)


class PartySettings(Settings):
    """A whole party.toml."""

    data: InteractionsSettings = Field(
        description="Who bought, watched or rated what: one row each time. The model is trained on it."
    )
    attributes: AttributeTableSettings | None = Field(
        None,
        description="What you know of your users, such as a country: one row a user. Each value becomes an "
        "item (country=France) that the catalogue can name and that you can offer to peers. Optional.",
    )
    node: NodeSettings = Field(NodeSettings(), description="How the node keeps in touch.")
    coordinator: CoordinatorSettings = Field(
        CoordinatorSettings(), description="Where else the coordinator can be reached."
    )
    torchrun: TorchrunSettings = Field(
        TorchrunSettings(),
        description="How several processes train together, where torchrun starts the node.",
    )
    scores: ScoreSettings = Field(ScoreSettings(), description="What the query API keeps on disk.")
    metrics: MetricsSettings = Field(
        MetricsSettings(),
        description="Figures of the node for your own monitoring; none is about users or items.",
    )
    logging: LoggingSettings = Field(LoggingSettings(), description="What the node writes on stderr.")

    def relative_to(self, folder: Path) -> PartySettings:
        """Return the settings with paths of tables resolved against `folder`."""
        table = None if self.attributes is None else self.attributes.relative_to(folder)
        return self.model_copy(update={"data": self.data.relative_to(folder), "attributes": table})


def render_party_toml() -> str:
    """Return the commented party.toml that `feddmf party init` leaves."""
    return render_settings(
        PartySettings,
        {"data": {"path": "interactions.csv"}},
        intro="Settings of a FedDMF party. Paths are relative to this file's folder.",
    )
