"""The suite `align`: its contenders compute the same, and every row is there."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf_benchmarks.baselines.pairwise_autograd import pairwise_gradients, shared_rows
from feddmf_benchmarks.comparing import LOOKING_ON
from feddmf_benchmarks.suites.align import Size, gradients, made_up, rows_of
from support.heard import Heard


@pytest.mark.parametrize("margin", [0.0, 0.2])
@pytest.mark.parametrize("parties", [2, 4])
def test_the_baseline_has_the_same_gradients(parties: int, margin: float) -> None:
    """Autograd pair by pair and the sum of unit vectors agree to float32, where some lack some items."""
    vectors, rows = made_up(Size(parties, 50, 8))
    some = {party: np.flatnonzero(own % parties != place) for place, (party, own) in enumerate(rows.items())}
    vectors = {party: own[some[party]] for party, own in vectors.items()}
    ours = gradients(vectors, some, 50, margin)
    theirs = pairwise_gradients(vectors, shared_rows(some), beta=10.0, margin=margin)
    for party, own in ours.items():
        assert own.dtype == np.float32
        np.testing.assert_allclose(own, theirs[party], rtol=1e-4, atol=1e-6)


def test_every_row_is_there() -> None:
    """Each contender stands beside its baseline, with time and memory; who looks on hears turn by turn."""
    heard = Heard()
    looking_on = LOOKING_ON.set(heard)
    found = rows_of(Size(3, 40, 4), Size(2, 60, 4), turns=1)
    LOOKING_ON.reset(looking_on)
    assert heard.told[:4] == [(done, 3, "turns of targets by sums") for done in range(4)]
    assert [row.name.split(",")[0] for row in found] == [
        *("targets by sums", "targets and gradients", "pairwise autograd") * 2,
        *("targets", "numpy.copyto"),
    ]
    assert all(row.value > 0 and row.peak_mib > 0 and row.unit == "s" for row in found)
    assert [row.ratio is None for row in found] == [False, False, True, False, False, True, False, True]
    assert all(row.share_of_limit is not None for row in found[-2:])
