"""The maker of the table in examples/user_attributes, on a handful of order lines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from feddmf_party.data.arrow import pa, parquet

ROOT = Path(__file__).resolve().parents[2]
LINES = [
    # invoice, product, quantity, customer, country
    ("1", "10001", 12, 17850.0, "United Kingdom"),
    ("1", "10002", 11, 17850.0, "United Kingdom"),
    ("2", "10001", 24, 12583.0, "France"),
    ("2", "10002", 6, 12583.0, "France"),
    ("3", "10002", 12, 12583.0, "United Kingdom"),
    ("C3", "10001", -90, 17850.0, "United Kingdom"),
    ("4", "POST", 900, 17850.0, "United Kingdom"),
    ("5", "10001", 900, None, "France"),
    ("6", "10001", 3, 11111.0, "Spain"),
    ("6", "10002", 3, 11111.0, "United Kingdom"),
]


def test_medians_and_most_frequent_countries_are_of_the_lines_that_count(tmp_path: Path) -> None:
    """Cancellations, postage and lines without a customer do not; of equally frequent countries the first."""
    names = ("InvoiceNo", "StockCode", "Quantity", "CustomerID", "Country")
    columns = dict(zip(names, map(list, zip(*LINES, strict=True)), strict=True))
    columns["Description"] = ["thing"] * len(LINES)
    folder = tmp_path / "data" / "online-retail"
    folder.mkdir(parents=True)
    parquet.write_table(pa.table(columns), folder / "online_retail.parquet")
    script = ROOT / "examples" / "user_attributes" / "make_table.py"
    table = tmp_path / "out" / "users.csv"
    subprocess.run(
        [sys.executable, str(script), str(table)],
        env={**os.environ, "FEDDMF_DATA_DIR": str(tmp_path / "data")},
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert table.read_text() == (
        "user,resale,overseas\n11111,false,true\n12583,true,true\n17850,false,false\n"
    )
