"""A party's seat: a party of few users takes none; user attributes reach the member, rare ones are said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from feddmf.catalogue.table import Catalogue
from feddmf.errors import InputError
from feddmf.payload import ReleaseKind
from feddmf.protocols.registry import protocol_for
from feddmf_party.folder import PartyFolder
from feddmf_party.forgetting import forget_users
from feddmf_party.policy import Policy
from feddmf_party.privacy_policy import PrivacyPolicy
from feddmf_party.seat import Seat, take_seat
from feddmf_party.simulating import simulate_folders
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


def test_in_a_private_run_all_users_count(tmp_path: Path) -> None:
    """Or whether a party declines would tell of one user that it has no item."""
    small = small_run(2, shared=4, own=2, users=6, each=3, protocol="transfer", privacy={"mode": "gram"})
    equip(tmp_path, small, "acme")
    (tmp_path / "party.toml").write_text(
        '[data]\npath = "interactions.csv"\n'
        '[attributes]\npath = "people.csv"\ncolumns = ["country"]\nunknown_items = "skip"\n'
    )
    (tmp_path / "people.csv").write_text("user,country\nv0,France\n")
    view, folder = small.catalogue.view("acme"), PartyFolder(tmp_path)
    bounds = {"protocols": ALL, "privacy": PrivacyPolicy(override_by="Ann Example")}
    taken = take_seat(small.plan, view, folder, Policy(min_users=7, **bounds))
    assert taken.table.interactions.users == 7
    with pytest.raises(InputError, match="acme has 7 users; its policy wants 8"):
        take_seat(small.plan, view, folder, Policy(min_users=8, **bounds))


def with_countries(path: Path, **sections: Any) -> tuple[SmallRun, PartyFolder]:
    """Give acme 40 users, 30 of them French and 4 Peruvian; it offers both countries and three products."""
    plain = small_run(2, shared=8, own=5)
    columns = {**plain.catalogue.columns}
    columns["acme"] = {**columns["acme"], "acme-000": "country=France", "acme-001": "country=Peru"}
    catalogue = Catalogue(version=1, labels=plain.catalogue.labels, columns=columns)
    small = small_run(2, catalogue=catalogue, **{"recipe": "default", **sections})
    equip(path, small, "acme")
    sales = (path / "interactions.csv").read_text().splitlines()
    (path / "interactions.csv").write_text("\n".join(row for row in sales if "country=" not in row) + "\n")
    (path / "party.toml").write_text(
        '[data]\npath = "interactions.csv"\n\n[attributes]\npath = "people.csv"\ncolumns = ["country"]\n'
        'unknown_items = "skip"\n'
    )
    countries = ["France"] * 30 + ["Peru"] * 4 + ["Malta"] * 6
    rows = [f"u{user:03},{country}" for user, country in enumerate(countries)]
    (path / "people.csv").write_text("\n".join(["user,country", *rows]) + "\n")
    return small, PartyFolder(path)


def test_who_offers_a_rare_user_attribute_is_told_that_nothing_is_told_of_it(tmp_path: Path) -> None:
    """With the number of users behind it; a run may ask for more of them."""
    policy = Policy(release_kinds=tuple(ReleaseKind))
    small, folder = with_countries(tmp_path)
    seat = take_seat(small.plan, small.catalogue.view("acme"), folder, policy)
    told = "nothing is told of user attribute country="
    assert seat.notices == (f"{told}Peru: 4 users have it and 36 lack it; 10 of each are needed",)
    small, folder = with_countries(tmp_path, transfer={"min_support": 11})
    strict = take_seat(small.plan, small.catalogue.view("acme"), folder, policy)
    assert strict.notices == (
        f"{told}France: 30 users have it and 10 lack it; 11 of each are needed",
        f"{told}Peru: 4 users have it and 36 lack it; 11 of each are needed",
    )


def test_user_attributes_are_in_nothing_that_a_history_model_trains_on(tmp_path: Path) -> None:
    """Whoever is French: what the member sends first is the same."""
    small, folder = with_countries(tmp_path, training={"epochs": 1})
    first = []
    for country in ("France", "Peru"):
        table = (tmp_path / "people.csv").read_text()
        (tmp_path / "people.csv").write_text(table.replace("u000,France", f"u000,{country}"))
        taken = take_seat(
            small.plan, small.catalogue.view("acme"), folder, Policy(release_kinds=tuple(ReleaseKind))
        )
        phase = protocol_for("feddmf").phases(small.plan)[0]
        first.append(taken.member.contribute(phase.name, 0, None).sha256())
    assert first[0] == first[1]


def test_a_model_of_user_ids_trains_on_them_as_on_all_items(tmp_path: Path) -> None:
    """There they are items, rare or not, and nothing is said of them."""
    small, folder = with_countries(tmp_path, recipe="embedding", training={"epochs": 1})
    seat = take_seat(
        small.plan, small.catalogue.view("acme"), folder, Policy(release_kinds=tuple(ReleaseKind))
    )
    assert seat.notices == ()
    assert seat.table.attributes is not None
    counts = dict(zip(small.items["acme"].view.keys, seat.table.interactions.item_counts(), strict=True))
    assert (counts["acme-000"], counts["acme-001"]) == (30, 4)


def test_nothing_is_learned_of_items_that_too_few_users_have(tmp_path: Path) -> None:
    """Whatever these few did, all that leaves is the same; user attributes have a bound of their own."""
    small, folder = with_countries(tmp_path, training={"epochs": 1})
    allowed = {"release_kinds": tuple(ReleaseKind)}
    view, sales = small.catalogue.view("acme"), tmp_path / "interactions.csv"
    rare, peru = small.items["acme"].view.keys.index("m000"), 4
    rows = [row for row in sales.read_text().splitlines() if not row.endswith(":m000")]
    counts, first = [], []
    for buyers in (["u001", "u002"], ["u003"]):
        sales.write_text("\n".join([*rows, *(f"{user},acme:m000" for user in buyers)]) + "\n")
        seat = take_seat(small.plan, view, folder, Policy(min_item_users=3, **allowed))
        counts.append(seat.table.interactions.item_counts())
        phase = protocol_for("feddmf").phases(small.plan)[0]
        first.append(seat.member.contribute(phase.name, 0, None).sha256())
    assert counts[0][rare] == counts[1][rare] == 0
    assert counts[0][small.items["acme"].view.keys.index("acme-001")] == peru
    assert first[0] == first[1]
    every = take_seat(small.plan, view, folder, Policy(**allowed)).table.interactions.item_counts()
    assert every[rare] == 1
    every[rare] = 0
    assert every.tolist() == counts[1].tolist()


def test_who_is_forgotten_takes_no_seat(tmp_path: Path) -> None:
    """Whatever the source still says."""
    small = small_run(2, shared=4, own=2, users=6, each=3)
    equip(tmp_path, small, "acme")
    folder, view = PartyFolder(tmp_path), small.catalogue.view("acme")
    forget_users(folder, ["u001", "u004"])
    seat = take_seat(small.plan, view, folder, Policy(min_users=4))
    assert seat.table.user_ids == ("u000", "u002", "u003", "u005")
    with pytest.raises(InputError, match="acme has 4 users"):
        take_seat(small.plan, view, folder, Policy())


def test_a_simulation_tells_what_the_nodes_would(tmp_path: Path) -> None:
    """Which party offers what is too rare; its peer is told that nothing was fitted, and no number."""
    folders = {party: tmp_path / party for party in ("acme", "bolt")}
    for folder in folders.values():
        folder.mkdir()
        kinds = ", ".join(f'"{kind}"' for kind in ReleaseKind)
        (folder / "policy.toml").write_text(f"release_kinds = [{kinds}]\n")
    report = {"not_following": "report", "probe_floor": -1.0}
    small, _ = with_countries(folders["acme"], training={"epochs": 1}, enforcement=report)
    equip(folders["bolt"], small, "bolt")
    told: list[str] = []
    kept = simulate_folders(
        small.plan.settings, small.catalogue, folders, tmp_path / "out", on_notice=told.append
    )
    rare = "country=Peru: 4 users have it and 36 lack it; 10 of each are needed"
    assert f"acme: nothing is told of user attribute {rare}" in told
    (published,) = kept["bolt"].load_peers()
    assert published.quality is not None
    quality = dict(zip(published.keys, published.quality.tolist(), strict=True))
    assert quality["acme-001"] == [1.0, 0.0, 0.0]
    assert quality["acme-000"][:1] == [1.0]
    assert 0 < quality["acme-000"][2] < 0.2
    assert quality["acme-002"] == [0.0, 0.0, 0.0]


def test_no_exact_count_decides_what_a_private_release_is_of(tmp_path: Path) -> None:
    """Leaving rare items out by who has them would let one user change the rows of others."""
    sections: dict[str, Any] = {"protocol": "transfer", "transfer": {"rank": 2}}
    tables = []
    for private in ({}, {"privacy": {"mode": "gram"}}):
        small = small_run(2, **sections, **private)
        path = tmp_path / str(len(tables))
        path.mkdir()
        equip(path, small, "acme")
        privacy = PrivacyPolicy(override_by="Ann Example")
        policy = Policy(protocols=ALL, min_item_users=15, privacy=privacy)
        taken = take_seat(small.plan, small.catalogue.view("acme"), PartyFolder(path), policy)
        tables.append(taken.table.interactions.pairs)
    assert tables[0] < tables[1] == 320
