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


@pytest.mark.parametrize(
    ("bins", "message"),
    [
        ({"height": [170]}, "bins.height is for none of the columns age, country"),
        ({"age": [40, 25]}, "bins.age does not ascend: 25 comes after 40"),
        ({"age": []}, "bins.age has no edge"),
        ({"age": [float("inf")]}, "finite"),
        ({"age": ["young"]}, "valid number"),
    ],
)
def test_bins_that_cannot_be_are_named(bins: dict[str, Any], message: str) -> None:
    """The key, and what is wrong with it."""
    values = {"path": "a.csv", "columns": ["age", "country"], "bins": bins}
    with pytest.raises(ConfigError, match=message):
        parse_settings(values, AttributeTableSettings, where="party.toml")


def test_columns_without_bins_are_categories() -> None:
    """Edges are those of the column alone."""
    values = {"path": "a.csv", "columns": ["age", "country"], "bins": {"age": [25, 40.5]}}
    settings = parse_settings(values, AttributeTableSettings, where="party.toml")
    assert (settings.edges("age"), settings.edges("country")) == ((25.0, 40.5), None)


def test_a_column_with_an_equals_sign_is_refused() -> None:
    """The column of a=b=c could not be told."""
    with pytest.raises(ConfigError, match="column 'a=b' has = in its name"):
        parse_settings({"path": "a.csv", "columns": ["a=b"]}, AttributeTableSettings, where="party.toml")


@pytest.mark.parametrize("model", [InteractionsSettings, AttributeTableSettings])
def test_every_setting_is_described(model: type[InteractionsSettings | AttributeTableSettings]) -> None:
    """Each key has a description, since the settings table of the documentation is made of them."""
    assert all(field.description for field in model.model_fields.values())
