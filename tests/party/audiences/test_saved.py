"""Audiences under a name: kept whole, found again alike, without a user in the file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from feddmf.errors import CatalogueError, InputError
from feddmf_party.audiences.saved import AudienceStore, Cut, draw, save
from feddmf_party.criteria import Criteria
from feddmf_party.questions import Questions

PEN = Criteria.of("pen")


@pytest.fixture
def store(tmp_path: Path) -> AudienceStore:
    """Return a store in a folder that is not there yet."""
    return AudienceStore(tmp_path / "audiences")


def test_an_audience_is_kept_and_found_again(
    store: AudienceStore, questions: Questions, tmp_path: Path
) -> None:
    """With what was to be expected; its users are those that the question has."""
    made = save(store, questions, "pen-lovers", PEN, Cut(size=2), by="eva")
    assert (made.run, made.users, made.created_by, made.criteria) == ("r-1", 2, "eva", PEN)
    expected = questions.audience(questions.wanted(PEN), 2).expected
    assert expected is not None
    assert made.expected is not None
    assert made.expected["hits"] == pytest.approx(expected.hits)
    assert AudienceStore(tmp_path / "audiences").find("pen-lovers") == made
    wanted, found = draw(made, questions)
    assert wanted.criteria == PEN
    assert found.block.users.tolist() == ["cat", "ann"]
    text = (tmp_path / "audiences" / "pen-lovers.json").read_text()
    assert not [user for user in ("cat", "ann", "bob") if f'"{user}"' in text]
    assert (tmp_path / "audiences" / "pen-lovers.json").stat().st_mode & 0o777 == 0o600


def test_several_attributes_and_each_cut(store: AudienceStore, questions: Questions) -> None:
    """All, any, none; by a probability, by the threshold, by nothing."""
    several = Criteria(all=("pen",), any=("gold=yes",), none=("cup",))
    made = save(store, questions, "several", several, Cut(above=0.2), by="eva")
    assert made.users == len(draw(made, questions)[1].block.users)
    assert made.as_dict()["described"] == "pen and gold=yes and not cup"
    assert save(store, questions, "sure", PEN, Cut(threshold=True), by="eva").users == 3
    assert save(store, questions, "usual", PEN, Cut(), by="eva").users == 4
    assert [each.name for each in store.all()] == ["several", "sure", "usual"]
    assert [each.cut.describe() for each in store.all()] == [
        "above 0.2",
        "above the threshold",
        "the usual users",
    ]


def test_a_name_is_given_once(store: AudienceStore, questions: Questions) -> None:
    """Until it is free again; of many who want it at once one has it."""
    save(store, questions, "a", PEN, Cut(), by="eva")
    with pytest.raises(InputError, match="saved as 'a' already"):
        save(store, questions, "a", PEN, Cut(), by="bob")
    assert store.remove("a").name == "a"
    with pytest.raises(InputError, match="no audience is saved as 'a'"):
        store.remove("a")

    def attempt(_: int) -> bool:
        try:
            save(store, questions, "b", PEN, Cut(), by="eva")
        except InputError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(attempt, range(8))) == 1


@pytest.mark.parametrize("name", ["", "A", "a.b", "../a", "a/b", "a" * 65, "-a", "a\n"])
def test_a_name_is_plain(store: AudienceStore, questions: Questions, name: str) -> None:
    """It becomes a file's name."""
    with pytest.raises(InputError, match="cannot be the name"):
        save(store, questions, name, PEN, Cut(), by="eva")
    with pytest.raises(InputError, match="cannot be the name"):
        store.find(name)


def test_what_cannot_be_asked_for_is_not_saved(store: AudienceStore, questions: Questions) -> None:
    """An unknown attribute, a threshold that nobody chose, two cuts."""
    with pytest.raises(CatalogueError, match="no peer published"):
        save(store, questions, "a", Criteria.of("pan"), Cut(), by="eva")
    with pytest.raises(InputError, match="no threshold was chosen"):
        save(store, questions, "a", Criteria.of("gold=yes"), Cut(threshold=True), by="eva")
    with pytest.raises(InputError, match="each cut the ranking"):
        Cut(size=1, above=0.5)
    assert store.all() == ()


@pytest.mark.parametrize("content", ["", "{}", '{"name": "b"}', "\xff"])
def test_a_damaged_file_is_named(
    store: AudienceStore, questions: Questions, tmp_path: Path, content: str
) -> None:
    """Whatever is asked for."""
    save(store, questions, "a", PEN, Cut(), by="eva")
    whole = (tmp_path / "audiences" / "a.json").read_text()
    (tmp_path / "audiences" / "a.json").write_text(content)
    with pytest.raises(InputError, match=r"a\.json is no saved audience"):
        store.find("a")
    (tmp_path / "audiences" / "a.json").write_text(whole.replace('"name": "a"', '"name": "z"'))
    with pytest.raises(InputError, match=r"a\.json is the audience 'z'"):
        store.all()
