"""Users who are forgotten: the list holds no id, and no load has them again."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from feddmf.errors import InputError
from feddmf_party.data import AttributeTableSettings, InteractionsSettings, PartyTable, digests
from feddmf_party.data.forgotten import Forgotten, load_forgotten, save_forgotten, without_forgotten
from feddmf_party.data.loader import load_interactions
from feddmf_party.data.lookup import users_in_source

ITEMS = ("i0", "i1", "country=France")
SALES = "user,item\nann,i0\nbea,i0\nbea,i1\ncid,i1\n"
PEOPLE = "user,country\nann,France\ndot,France\nbea,\n"


def load(folder: Path, forgotten: Forgotten | None = None) -> PartyTable:
    """Read a company's tables, which are kept."""
    (folder / "sales.csv").write_text(SALES)
    (folder / "people.csv").write_text(PEOPLE)
    return load_interactions(
        InteractionsSettings(path=folder / "sales.csv"),
        ITEMS,
        attributes=AttributeTableSettings(path=folder / "people.csv", columns=("country",)),
        keep_in=folder / "tables",
        forgotten=forgotten,
    )


def test_the_list_holds_no_id_and_comes_back(tmp_path: Path) -> None:
    """Its owner alone can read it; the same users in another folder look otherwise."""
    path = tmp_path / "forgotten.json"
    assert len(load_forgotten(path)) == 0
    listed = (
        Forgotten().with_users(["ann", "bea"], {"ann": ["run-1"]}).with_users(["ann"], {"ann": ["run-2"]})
    )
    save_forgotten(path, listed)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "ann" not in path.read_text()
    again = load_forgotten(path)
    assert again == listed
    assert (len(again), again.knows("bea"), again.knows("cid")) == (2, True, False)
    assert again.trained == {"run-1", "run-2"}
    assert again.among(("ann", "cid", "bea")).tolist() == [True, False, True]
    assert Forgotten().digest("ann") != Forgotten().digest("ann")
    assert "salt" not in repr(listed)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"salt": "00", "users": {}}', '{"salt": "zz", "users": {}}', '{"users": {"a": []}}']
)
def test_a_list_that_is_none_is_an_error(tmp_path: Path, text: str) -> None:
    """Whoever lost it must know: users would come back."""
    path = tmp_path / "forgotten.json"
    path.write_text(text)
    with pytest.raises(InputError, match="is not a list of forgotten users") as caught:
        load_forgotten(path)
    assert "come back" in caught.value.hint
    path.write_text(json.dumps({"salt": "00" * 32, "users": {"short": []}}))
    with pytest.raises(InputError, match="is not a list"):
        load_forgotten(path)


def test_a_table_is_read_without_them(tmp_path: Path) -> None:
    """Of both tables, whatever the source still says; all others keep what they have."""
    whole, left = load(tmp_path), load(tmp_path, Forgotten().with_users(["bea", "dot"], {}))
    assert whole.user_ids == ("ann", "bea", "cid", "dot")
    assert (left.user_ids, left.users_forgotten) == (("ann", "cid"), 2)
    assert left.interactions.indptr.tolist() == [0, 2, 3]
    assert left.interactions.indices.tolist() == [0, 2, 1]
    assert left.attributes is not None
    assert left.attributes.known.tolist() == [[True], [False]]
    assert (left.rows_read, left.rows_kept) == (4, 4)
    assert without_forgotten(whole, Forgotten().with_users(["zoe"], {})) is whole


def test_what_was_kept_before_does_not_bring_them_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kept table is one of a list: with another list it is another table."""
    monkeypatch.setattr(digests.Origin.of.__func__, "__kwdefaults__", {"least_bytes": 0})
    listed = Forgotten().with_users(["bea"], {})
    assert not load(tmp_path).kept
    assert load(tmp_path).kept
    first, second = load(tmp_path, listed), load(tmp_path, listed)
    assert (first.kept, second.kept) == (False, True)
    assert first.user_ids == second.user_ids == ("ann", "cid", "dot")
    assert second.users_forgotten == 1


def test_a_source_is_looked_into_for_them(tmp_path: Path) -> None:
    """By the column of users alone."""
    load(tmp_path)
    sales = InteractionsSettings(path=tmp_path / "sales.csv")
    people = AttributeTableSettings(path=tmp_path / "people.csv", columns=("country",))
    assert users_in_source(sales, ["ann", "dot"]) == {"ann"}
    assert users_in_source(people, ["dot", "zoe"]) == {"dot"}
