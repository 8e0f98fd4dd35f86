"""What stands behind an answer: the owners that count, one threshold, warnings said once."""

from __future__ import annotations

import numpy as np
import pytest

from feddmf.errors import InputError
from feddmf.quality import Interval
from feddmf_party.answering import Backing, refuse_untrusted, warnings
from feddmf_party.offered import Attribute
from feddmf_party.trust import CARE, REFUSE, UNMEASURED, USE, Trust

AUC = Interval(0.9, 0.8, 0.95)


def backing(*owners: tuple[str, float | None, float], key: str = "pen") -> Backing:
    """Return what stands behind `key`, by each owner's verdict, threshold and share."""
    names = tuple(f"owner-{number}" for number in range(len(owners)))
    trusts = tuple(
        Trust("r-1", name, verdict, (f"{name} is {verdict}",), roc_auc=AUC, threshold=threshold)
        for name, (verdict, threshold, _) in zip(names, owners, strict=True)
    )
    vectors = tuple(np.zeros(1) for _ in names)
    return Backing(Attribute(key, "", names, vectors), trusts, tuple(share for *_, share in owners))


@pytest.mark.parametrize(
    ("owners", "best"),
    [
        ([(CARE, 0.5, 0.9), (USE, 0.5, 0.1)], 1),
        ([(USE, 0.5, 0.4), (USE, 0.5, 0.6)], 1),
        ([(USE, 0.5, 0.0), (CARE, 0.5, 1.0)], 1),
        ([(UNMEASURED, None, 0.5), (REFUSE, 0.5, 0.5)], 0),
    ],
)
def test_the_best_owner_that_counts_speaks_for_all(
    owners: list[tuple[str, float | None, float]], best: int
) -> None:
    """By verdict, then by share; one without a share says nothing."""
    assert backing(*owners).best.owner == f"owner-{best}"


def test_the_threshold_is_weighted_like_the_scores() -> None:
    """Where an owner that counts has none there is none; others do not matter."""
    assert backing((USE, 0.2, 0.25), (USE, 0.6, 0.75)).threshold == pytest.approx(0.5)
    assert backing((USE, 0.2, 1.0), (UNMEASURED, None, 0.0)).threshold == 0.2
    assert backing((USE, 0.2, 0.5), (UNMEASURED, None, 0.5)).threshold is None


def test_what_is_of_no_use_is_refused_by_name() -> None:
    """The first of them with its reasons, and how many more."""
    bad, good = (REFUSE, 0.5, 1.0), (USE, 0.5, 1.0)
    asked = [backing(good), backing(bad, key="cup"), backing(bad, key="mug")]
    with pytest.raises(InputError, match=r"does not answer for 'cup' \(and 1 more\): owner-0 is do not use"):
        refuse_untrusted("r-1", asked, anyway=False)
    refuse_untrusted("r-1", asked, anyway=True)
    refuse_untrusted("r-1", [backing(good), backing((UNMEASURED, None, 1.0))], anyway=False)


def test_a_warning_is_said_once_for_all_that_it_is_about() -> None:
    """With the first keys; what may be used needs none, nor what evidence beside it says was not measured."""
    careful = [backing((CARE, 0.5, 1.0), key=key) for key in "abcde"]
    asked = [backing((USE, 0.5, 1.0)), *careful, backing((UNMEASURED, None, 1.0))]
    care = "a, b, c and 2 more: use with care: owner-0 is use with care"
    assert warnings(asked, evidence_shown=True) == [care]
    assert warnings(asked) == [care, "pen: not measured: owner-0 is not measured"]


def test_owners_disagree_where_several_count() -> None:
    """One of two that has no share says nothing that could be compared."""
    assert backing((USE, 0.5, 0.4), (CARE, 0.5, 0.6)).several
    assert not backing((USE, 0.5, 1.0), (CARE, 0.5, 0.0)).several


def test_calibrated_is_what_was_held_against_the_truth() -> None:
    """By all owners that count."""
    measured = backing((USE, 0.5, 1.0))
    never = Trust("r-1", "carol", UNMEASURED, ("no hidden items",))
    assert measured.calibrated
    both = Attribute("pen", "", ("owner-0", "carol"), (np.zeros(1), np.zeros(1)))
    assert Backing(both, (*measured.trusts, never), (1.0, 0.0)).calibrated
    assert not Backing(both, (*measured.trusts, never), (0.5, 0.5)).calibrated
