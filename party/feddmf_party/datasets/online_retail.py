"""UCI Online Retail: D. Chen, "Online Retail", UCI Machine Learning Repository, 2015, doi 10.24432/C5BW33."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from feddmf_party.data.arrow import pa, pc
from feddmf_party.data.columns import numbers, texts
from feddmf_party.data.tables import Batch, read_batches
from feddmf_party.datasets.dataset import Dataset, Pairs
from feddmf_party.datasets.source import PinnedFile, Source

__all__ = ["COLUMNS", "SOURCE", "read"]

COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "CustomerID")
"""The columns that are read; the publisher's table has InvoiceDate, UnitPrice and Country besides."""

_TABLE = "online_retail.parquet"


def read(folder: Path) -> Dataset:
    """Read and clean online_retail.parquet: 4,335 customers, 3,659 products, 266,226 pairs.

    Kept are lines with a CustomerID, an InvoiceNo that does not start with C (a cancellation), a quantity
    above 0 and a StockCode that starts with five digits (others are postage, fees and the like). Values are
    summed quantities; a product's label is its most frequent description. Raises DataError naming file, row
    and column.
    """
    lines = pa.concat_tables(_clean(batch) for batch in read_batches(folder / _TABLE, COLUMNS))
    pairs = Pairs.merge(
        lines["user"].to_numpy().astype(np.str_),
        lines["item"].to_numpy().astype(np.str_),
        lines["quantity"].to_numpy(),
    )
    return Dataset(
        name="online-retail",
        title="UCI Online Retail",
        licence="CC BY 4.0",
        attribution="D. Chen (2015), Online Retail, UCI Machine Learning Repository, doi 10.24432/C5BW33",
        value_name="quantity",
        pairs=pairs,
        item_labels=dict(_labels(lines)),
    )


def _clean(batch: Batch) -> Any:
    invoice, stock, label, customer = (
        texts(batch, name) for name in ("InvoiceNo", "StockCode", "Description", "CustomerID")
    )
    quantity = pa.array(numbers(batch, "Quantity"))
    kept = pc.and_(customer.is_valid(), pc.greater(quantity, 0))
    kept = pc.and_(kept, pc.invert(pc.starts_with(invoice, "C").fill_null(False)))
    kept = pc.and_(kept, pc.match_substring_regex(stock, r"^\d{5}").fill_null(False))
    label = pc.utf8_trim_whitespace(label).fill_null("")
    table = pa.table({"user": customer, "item": stock, "quantity": quantity, "label": label})
    return table.filter(kept)


def _labels(lines: Any) -> Iterable[tuple[str, str]]:
    counted = lines.group_by(["item", "label"]).aggregate([([], "count_all")])
    # Rarest first, so that in a dict the most frequent one, ties by text, is what stays.
    order = [("item", "ascending"), ("count_all", "ascending"), ("label", "descending")]
    ranked = counted.sort_by(order)
    items, labels = ranked["item"].to_pylist(), ranked["label"].to_pylist()
    return ((item, label or item) for item, label in zip(items, labels, strict=True))


SOURCE = Source(
    name="online-retail",
    title="UCI Online Retail",
    # The publisher's form is a workbook; a table made from it by the recipe need not have these bytes.
    files=(
        PinnedFile(_TABLE, "399de155a1c07e4bc89d8ef4f75d619c70a6b4ed39cc76ea54d56c2c939fb72b", strict=False),
    ),
    url=None,
    recipe=(
        "unpack https://archive.ics.uci.edu/static/public/352/online+retail.zip and run pandas.read_excel("
        "'Online Retail.xlsx', dtype={'InvoiceNo': str, 'StockCode': str, 'Description': str})"
        f".to_parquet('{_TABLE}'); its columns must be {', '.join(COLUMNS)}, others are ignored. The digest"
        " of a table made so may differ"
    ),
    read=read,
)
