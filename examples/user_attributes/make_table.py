"""Write a table of Online Retail's customers: who buys for resale, and who lives outside the United Kingdom.

Usage: make_table.py TABLE [FOLDER WITH DATA SETS]
"""

from __future__ import annotations

import csv
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from feddmf_party.data import read_batches
from feddmf_party.data.columns import numbers, texts
from feddmf_party.datasets import online_retail
from feddmf_party.datasets.location import obtain_folder

HOME = "United Kingdom"
# Who buys a dozen or more of most products has a shop to put them in.
RESALE = 12


def lines(path: Path) -> Iterator[tuple[str, float, str]]:
    """Yield customer, quantity and country of each line that the data set keeps; see `online_retail.read`."""
    for batch in read_batches(path, (*online_retail.COLUMNS, "Country")):
        columns = ("InvoiceNo", "StockCode", "CustomerID", "Country")
        invoices, stock, customers, countries = (texts(batch, name).to_pylist() for name in columns)
        quantities = numbers(batch, "Quantity").tolist()
        for line in zip(invoices, stock, customers, quantities, countries, strict=True):
            invoice, product, customer, quantity, country = line
            cancelled = (invoice or "").startswith("C")
            if customer and quantity > 0 and not cancelled and re.match(r"\d{5}", product or ""):
                yield customer, quantity, country


def main(target: Path, data_dir: Path | None = None) -> None:
    """Write the table `target`; the same file every time."""
    folder = obtain_folder(online_retail.SOURCE, data_dir)
    quantities: dict[str, list[float]] = defaultdict(list)
    countries: dict[str, Counter[str]] = defaultdict(Counter)
    for customer, quantity, country in lines(folder / online_retail.SOURCE.files[0].name):
        quantities[customer].append(quantity)
        countries[customer][country] += 1
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("user", "resale", "overseas"))
        for customer in sorted(quantities):
            # The most frequent country, of equally frequent ones the first by name.
            home = min(countries[customer].items(), key=lambda each: (-each[1], each[0]))[0]
            resale, overseas = median(quantities[customer]) >= RESALE, home != HOME
            table.writerow((customer, str(resale).lower(), str(overseas).lower()))
    print(f"{target}: {len(quantities)} customers")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
