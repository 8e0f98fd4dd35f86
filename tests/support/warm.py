"""Compile what trainings need, once and before the tests: `python tests/support/warm.py`.

Tests start nodes by the dozen, and each would compile the same loops while its run's waits go by.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from feddmf.simulation import simulate
from support.runs import small_run

RECIPES: tuple[dict[str, Any], ...] = (
    {"recipe": "default", "training": {"epochs": 1}},
    *(
        {
            "recipe": "embedding",
            "training": {"epochs": 1, "optimizer": optimizer},
            "alignment": {"margin": margin},
        }
        for optimizer in ("adam", "lazy_adam")
        for margin in (0.0, 0.2)
    ),
)


def main() -> None:
    """Take a step of each recipe."""
    for sections in RECIPES:
        small = small_run(2, enforcement={"not_following": "report", "probe_floor": -1}, **sections)
        simulate(small.plan, small.rows, small.members())


if __name__ == "__main__":
    main()
