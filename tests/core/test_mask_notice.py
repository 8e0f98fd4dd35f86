"""What people are told of masks that hide less than they may think."""

from __future__ import annotations

from feddmf.catalogue.table import Catalogue
from feddmf.mask_notice import mask_notices
from feddmf.plan import Plan, matched_rows
from support.runs import run_settings, small_run


def notices(*owners: str, masks: bool = True) -> tuple[str, ...]:
    """Return the notices of a run in which items are sold by the parties with these initials."""
    parties = tuple({"a": "acme", "b": "bolt", "c": "cargo"}[each] for each in sorted(set("".join(owners))))
    columns = {
        party: {f"k{n}": f"k{n}" for n, who in enumerate(owners) if party[0] in who} for party in parties
    }
    catalogue = Catalogue(1, {f"k{n}": "" for n in range(len(owners))}, columns)
    settings = run_settings(parties, protocol="fedavg", masks=masks)
    plan = Plan(run="r-1", catalogue=catalogue.digest(), settings=settings)
    return mask_notices(plan, matched_rows(catalogue, plan))


def test_two_parties_are_told_that_masks_hide_nothing_from_the_partner() -> None:
    """Each subtracts its own contribution from the total."""
    (notice,) = notices("ab", "ab", "a")
    assert "masks hide nothing from your only partner" in notice
    assert "they hide it from the coordinator" in notice


def test_items_of_two_parties_are_counted() -> None:
    """Of five matched items two are sold by two parties of the three; exclusive ones do not count."""
    notice, _ = notices("abc", "ab", "bc", "abc", "abc", "a", "c")
    assert notice.startswith("2 of 5 matched items are sold by only two parties")
    assert "masks hide nothing of what one contributes from the other" in notice


def test_different_sets_of_sellers_are_counted() -> None:
    """Totals over all three, over two pairs: the coordinator can hold them against one another."""
    _, notice = notices("abc", "ab", "bc", "abc", "a")
    assert notice.startswith("matched items are sold by 3 different sets of parties: the coordinator")


def test_where_masks_hide_all_or_are_off_nothing_is_said() -> None:
    """Three parties that sell every matched item; two parties without masks."""
    assert notices("abc", "abc", "b") == ()
    assert notices("ab", masks=False) == ()
    assert mask_notices(small_run(5, protocol="fcf", masks=True).plan, small_run(5).rows) == ()
