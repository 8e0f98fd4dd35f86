"""The suite `parties`: a small run over the product's own coordinator ends, and nobody is refused."""

from __future__ import annotations

from feddmf_benchmarks.suites.parties import Size, rows_of


def test_a_run_of_light_parties_ends_whole() -> None:
    """Three parties of two processes finish; memory is that of the coordinator, and no call is refused."""
    memory, refused, per_round, whole = rows_of(Size(parties=3, items=40, rounds=2, columns=4))
    assert memory.name.startswith("3 parties x 40 matched items x 4")
    assert 0 < memory.value < 4
    assert memory.share_of_limit == memory.value / 4
    assert refused.value == 0
    assert 0 < per_round.value < whole.value
