"""A party's seat: a party of few users takes none, whatever the protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from feddmf.errors import InputError
from feddmf.payload import ReleaseKind
from feddmf_party.folder import PartyFolder
from feddmf_party.policy import Policy
from feddmf_party.seat import Seat, take_seat
from support.federation import equip
from support.runs import SmallRun, small_run

PROTOCOLS: dict[str, dict[str, Any]] = {
    "feddmf": {},
    "fedavg": {"protocol": "fedavg"},
    "fedavg, masked": {"protocol": "fedavg", "masks": True},
    "fcf": {"protocol": "fcf"},
    "fcf, masked": {"protocol": "fcf", "masks": True},
    "transfer": {"protocol": "transfer"},
}
ALL = ("feddmf", "fedavg", "fcf", "transfer")


def seat(path: Path, small: SmallRun, min_users: int) -> Seat:
    """Take acme's seat under a policy that allows all but parties of fewer users."""
    equip(path, small, "acme")
    policy = Policy(protocols=ALL, release_kinds=tuple(ReleaseKind), min_support=2, min_users=min_users)
    return take_seat(small.plan, small.catalogue.view("acme"), PartyFolder(path), policy)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_party_of_fewer_users_than_its_policy_wants_takes_no_seat(tmp_path: Path, name: str) -> None:
    """What left would be of these few people; as many as the policy wants are enough."""
    small = small_run(2, shared=4, own=2, users=6, each=3, **PROTOCOLS[name])
    with pytest.raises(
        InputError, match="acme has 6 users with an item of the catalogue; its policy wants 7"
    ) as caught:
        seat(tmp_path, small, 7)
    assert caught.value.hint == "take part with more users, or lower min_users in policy.toml"
    taken = seat(tmp_path, small, 6)
    assert taken.table.interactions.users == 6
    assert taken.offered == small.items["acme"].exclusive


def test_users_without_an_item_of_the_catalogue_do_not_count(tmp_path: Path) -> None:
    """Nothing that leaves is about them."""
    small = small_run(2, shared=4, own=2, users=6, each=3)
    equip(tmp_path, small, "acme")
    settings = '[data]\npath = "interactions.csv"\nunknown_items = "skip"\n'
    people = '\n[attributes]\npath = "people.csv"\ncolumns = ["country"]\nunknown_items = "skip"\n'
    (tmp_path / "party.toml").write_text(settings + people)
    (tmp_path / "people.csv").write_text("user,country\n" + "".join(f"v{n},France\n" for n in range(9)))
    view, folder = small.catalogue.view("acme"), PartyFolder(tmp_path)
    with pytest.raises(InputError, match="acme has 6 users with an item of the catalogue"):
        take_seat(small.plan, view, folder, Policy(min_users=7))
    assert take_seat(small.plan, view, folder, Policy(min_users=6)).table.interactions.users == 15
