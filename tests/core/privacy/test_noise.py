from __future__ import annotations

import math

import numpy as np
import pytest

from feddmf.privacy import noise
from feddmf.privacy.noise import LEAST_SIGMA, MOST_SIGMA, SystemNoise, _Proposal
from feddmf.randomness import generator


def words(count: int) -> np.ndarray:
    """Return bits that are the same on each call, [2, count]."""
    return generator(0, "words").integers(0, 1 << 64, (2, count), dtype=np.uint64)


@pytest.mark.parametrize("sigma", [LEAST_SIGMA, 1.3, 3.0, 11.0])
def test_draws_have_the_chances_of_the_discrete_gaussian(sigma: float) -> None:
    """Chi-square of 400,000 draws or so over the whole numbers within 4 sigma, zero among them."""
    draws = _Proposal.of(sigma).accepted(words(1_000_000))
    reach = int(4 * sigma)
    support = np.arange(-reach, reach + 1)
    chances = np.exp(-np.square(np.arange(-40 * reach, 40 * reach + 1) / sigma) / 2)
    expected = len(draws) * np.exp(-np.square(support / sigma) / 2) / chances.sum()
    found = np.array([np.count_nonzero(draws == value) for value in support])
    statistic = float((np.square(found - expected) / expected).sum())
    assert len(draws) > 300_000
    assert statistic < len(support) + 5 * math.sqrt(2 * len(support))


@pytest.mark.parametrize("sigma", [1e6, 2.0**39 * 1.3, MOST_SIGMA])
def test_wide_draws_are_gaussian_and_fill_their_lowest_bits(sigma: float) -> None:
    """Moments to five standard errors, a share of odd numbers near a half, and no draw off the grid."""
    draws = _Proposal.of(sigma).accepted(words(1_000_000))
    count, scaled = len(draws), draws / sigma
    assert abs(scaled.mean()) < 5 / math.sqrt(count)
    assert abs(np.square(scaled).mean() - 1) < 5 * math.sqrt(2 / count)
    assert abs((scaled**4).mean() - 3) < 5 * math.sqrt(96 / count)
    assert abs((draws % 2).mean() - 0.5) < 2.5 / math.sqrt(count)
    assert (draws == np.rint(draws)).all()
    assert np.abs(scaled).max() > 4


def test_close_calls_are_decided_as_the_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """With every candidate sent to decimals the same ones are kept."""
    proposal, candidates = _Proposal.of(2.0**40), words(2_000)
    quick = proposal.accepted(candidates)
    monkeypatch.setattr(noise, "_UNSURE", 2.0)
    assert proposal.accepted(candidates).tolist() == quick.tolist()


def test_a_tie_is_broken_by_further_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """A candidate whose 64 bits equal those of its chance is kept where the bits behind them are lower."""
    proposal = _Proposal.of(3.0)
    uniform = int(math.exp(-0.5 / 9 - proposal.largest) * 2**64)
    first = {}
    for byte in (b"\x00", b"\xff"):
        monkeypatch.setattr(noise.secrets, "token_bytes", lambda count, byte=byte: byte * count)
        # The float is off by some 2^11 of 2^64: the first candidate that is not kept lies around it.
        low, high = uniform - 2**15, uniform + 2**15
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if proposal._decided(1, 0, middle) else (low, middle)
        first[byte] = high
    assert abs(first[b"\x00"] - uniform) < 2**14
    assert first[b"\xff"] == first[b"\x00"] - 1


def test_shapes_and_bounds() -> None:
    """Shapes are kept, empty ones too; a sigma that cannot be drawn is refused; two calls differ."""
    system = SystemNoise()
    assert system.gaussian((2, 3), 5.0).shape == (2, 3)
    assert system.gaussian((0,), 5.0).shape == (0,)
    assert (system.gaussian((8,), 2.0**40) != system.gaussian((8,), 2.0**40)).any()
    for sigma in (0.0, -1.0, LEAST_SIGMA / 2, MOST_SIGMA * 2, math.inf, math.nan):
        with pytest.raises(ValueError, match="outside"):
            system.gaussian((1,), sigma)


def test_blocks_go_on_where_the_last_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """More draws than a block holds are all drawn, none twice."""
    monkeypatch.setattr(noise, "_BLOCK", 64)
    draws = SystemNoise().gaussian((1000,), 2.0**45)
    assert len(np.unique(draws)) == 1000
    assert np.abs(draws).min() > 0


def test_the_discrete_gaussian_is_the_rounded_one_but_for_its_width_squared() -> None:
    """Their statistical distance is .0202 / sigma^2, which the mechanism's bound is made of."""

    def distance(sigma: float) -> float:
        values = np.arange(-12 * int(sigma), 12 * int(sigma) + 1)
        discrete = np.exp(-np.square(values / sigma) / 2)
        edges = [
            math.erf(value / (sigma * math.sqrt(2))) / 2 for value in np.append(values, values[-1] + 1) - 0.5
        ]
        return float(np.abs(discrete / discrete.sum() - np.diff(edges)).sum() / 2)

    assert distance(16.0) * 16**2 == pytest.approx(0.0202, abs=2e-4)
    assert distance(64.0) * 64**2 == pytest.approx(0.0202, abs=2e-4)
