"""Settings of the tables, as they come from TOML."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from feddmf.config import parse_settings
from feddmf.errors import ConfigError
from feddmf_party.data import AttributeTableSettings, InteractionsSettings


def test_only_the_path_is_needed() -> None:
    """The defaults read columns `user` and `item` and stop at an unknown item."""
    settings = parse_settings({"path": "sales.csv"}, InteractionsSettings, where="party.toml")
    assert settings.columns == ("user", "item")
    assert (settings.format, settings.unknown_items) == ("auto", "error")


def test_named_columns_are_listed() -> None:
    """The value and timestamp columns are read where they are named."""
    values = {"path": "a.csv", "value_column": "v", "timestamp_column": "t", "since": "2011-01-01T00:00:00Z"}
    settings = parse_settings(values, InteractionsSettings, where="party.toml")
    assert settings.columns == ("user", "item", "v", "t")
    assert settings.since == datetime(2011, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"min_value": 1}, "min_value needs value_column"),
        ({"since": datetime(2011, 1, 1, tzinfo=UTC)}, "need timestamp_column"),
        ({"until": datetime(2011, 1, 1, tzinfo=UTC)}, "need timestamp_column"),
        (
            {"timestamp_column": "t", "since": "2011-01-02T00:00:00", "until": "2011-01-02T00:00:00Z"},
            "since must come before until",
        ),
        ({"item_column": "user"}, "'user' is named twice"),
        ({"value_column": ""}, "at least 1 character"),
        ({"value_column": "v", "min_value": float("nan")}, "finite"),
        ({"unknown_items": "ignore"}, "'error' or 'skip'"),
    ],
)
def test_contradictions_are_named(extra: dict[str, Any], message: str) -> None:
    """Keys that contradict each other or cannot be are a ConfigError."""
    with pytest.raises(ConfigError, match=message):
        parse_settings({"path": "a.csv", **extra}, InteractionsSettings, where="party.toml")


@pytest.mark.parametrize(
    ("columns", "message"),
    [([], "at least 1 item"), (["country", "country"], "named twice"), (["user"], "named twice")],
)
def test_attribute_columns_are_distinct_and_not_none(columns: list[str], message: str) -> None:
    """An attribute table needs a column, and none twice."""
    with pytest.raises(ConfigError, match=message):
        parse_settings({"path": "a.csv", "columns": columns}, AttributeTableSettings, where="party.toml")


@pytest.mark.parametrize("model", [InteractionsSettings, AttributeTableSettings])
def test_every_setting_is_described(model: type[InteractionsSettings | AttributeTableSettings]) -> None:
    """Each key has a description, since the settings table of the documentation is made of them."""
    assert all(field.description for field in model.model_fields.values())
