"""The bill of materials (CycloneDX): what stands in an environment, and the scripts inside the wheel."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from vendored import CONSOLES, Vendored, digests, packages

__all__ = ["write_bill"]


def write_bill(python: Path, out: Path) -> None:
    """Write to `out` what the interpreter `python` sees; FedDMF is what it is about, the rest its parts."""
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible", str(python)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    bill = json.loads(done.stdout)
    (product,) = (each for each in bill["components"] if each["name"] == "feddmf")
    for where in product.get("externalReferences", ()):
        where["url"] = where["url"].rpartition("/")[2]
    parts = [each for each in bill["components"] if each is not product]
    scripts = [_component(package) for package in packages(CONSOLES)]
    bill["components"] = [*parts, *scripts]
    bill.setdefault("metadata", {})["component"] = product | {"type": "application"}
    (needs,) = (each for each in bill["dependencies"] if each["ref"] == product["bom-ref"])
    needs["dependsOn"] = [*needs.get("dependsOn", ()), *(each["bom-ref"] for each in scripts)]
    text = json.dumps(bill, indent=2) + "\n"
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if wrong is not None:
        sys.exit(f"no CycloneDX 1.6: {wrong}")
    out.write_text(text, encoding="utf-8")


def _component(package: Vendored) -> dict[str, Any]:
    sums = digests(CONSOLES)
    purl = f"pkg:npm/{package.name}@{package.version}"
    files = [
        {"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": sums[name]}]}
        for name in sorted(package.files)
    ]
    return {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
        "licenses": [{"expression": package.licence}],
        "components": files,
    }
