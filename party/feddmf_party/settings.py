"""The party's settings, party.toml: where its tables are and how patient its node is."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from feddmf.config import Settings
from feddmf_party.data.settings import AttributeTableSettings, InteractionsSettings

__all__ = ["NodeSettings", "PartySettings", "render_party_toml"]


class NodeSettings(Settings):
    """How the node keeps in touch with the coordinator, in seconds."""

    beat_s: float = Field(2.0, gt=0, le=60, description="Between signs of life.")
    call_s: float = Field(30.0, gt=0, le=600, description="For the answer to any call but an exchange.")
    reconnect_s: float = Field(
        60.0, gt=0, le=86_400, description="For the coordinator to come back before the node gives up."
    )


class PartySettings(Settings):
    """A whole party.toml."""

    data: InteractionsSettings
    attributes: AttributeTableSettings | None = None
    node: NodeSettings = NodeSettings()

    def relative_to(self, folder: Path) -> PartySettings:
        """Return the settings with table paths resolved against `folder`."""
        data = self.data.model_copy(update={"path": folder / self.data.path})
        table = self.attributes
        if table is not None:
            table = table.model_copy(update={"path": folder / table.path})
        return self.model_copy(update={"data": data, "attributes": table})


def render_party_toml() -> str:
    """Return the commented party.toml that `feddmf party init` leaves; comments come from the models."""
    node = [
        f"# {name} = {field.default}  # {field.description}"
        for name, field in NodeSettings.model_fields.items()
    ]
    return "\n".join(
        [
            "# Settings of a FedDMF party. A key behind # stands at its default or is optional.",
            "# Paths are relative to this file's folder.",
            "",
            "[data]",
            *_section(InteractionsSettings, {"path": "interactions.csv"}),
            "",
            "# Columns of your user table, as items that peers can learn to predict. Optional.",
            "# [attributes]",
            *(
                f"# {line}"
                for line in _section(AttributeTableSettings, {"path": "users.csv", "columns": ["country"]})
            ),
            "",
            "[node]",
            *node,
            "",
        ]
    )


def _section(model: type[Settings], given: dict[str, object]) -> list[str]:
    lines = []
    for name, field in model.model_fields.items():
        value = given.get(name, field.default)
        shown = str(value).replace("'", '"') if isinstance(value, list | int | float) else f'"{value}"'
        mark = "" if name in given else "# "
        lines.append(f"{mark}{name} = {'...' if value is None else shown}  # {field.description}")
    return lines
