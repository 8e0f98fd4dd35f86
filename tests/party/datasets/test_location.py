"""Where data sets are looked for, and what is said where they are not."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import pytest

from feddmf.errors import ConnectError, DataError, InputError
from feddmf_party.datasets.location import cache_folder, find_folder, obtain_folder, places
from feddmf_party.datasets.source import Source


def put(place: Path, content: bytes) -> Path:
    """Write the tiny data set's file into its folder under `place`."""
    folder = place / "tiny"
    folder.mkdir(parents=True)
    (folder / "pairs.csv").write_bytes(content)
    return folder


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Return an environment of empty folders, with an empty working folder."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return {"FEDDMF_DATA_DIR": str(tmp_path / "shared"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


def test_places_come_in_order(environ: dict[str, str], tmp_path: Path) -> None:
    """The folder named, the environment's, ./data, the cache."""
    expected = (tmp_path / "named", tmp_path / "shared", Path("data"), tmp_path / "cache" / "feddmf")
    assert places(tmp_path / "named", environ=environ) == expected
    assert places(environ={"HOME": "/home/ada"}) == (Path("data"), Path("/home/ada/.cache/feddmf"))


@pytest.mark.parametrize("xdg", ["", "relative"])
def test_a_cache_that_is_not_absolute_is_ignored(xdg: str) -> None:
    """An empty or relative XDG_CACHE_HOME means ~/.cache, as its specification says."""
    found = cache_folder(environ={"HOME": "/home/ada", "XDG_CACHE_HOME": xdg})
    assert found == Path("/home/ada/.cache/feddmf")


def test_the_first_whole_folder_is_taken(tiny: Source, environ: dict[str, str], tmp_path: Path) -> None:
    """Each place is taken where the places before it have no or not all files."""
    assert find_folder(tiny, environ=environ) is None
    content = b"user,item\na,b\n"
    (tmp_path / "named" / "tiny").mkdir(parents=True)
    for place in (tmp_path / "cache" / "feddmf", Path("data"), tmp_path / "shared"):
        folder = put(place, content)
        assert find_folder(tiny, tmp_path / "named", environ=environ) == folder
        assert obtain_folder(tiny, tmp_path / "named", environ=environ) == folder


def test_a_place_that_cannot_be_looked_into_is_passed_over(tiny: Source, environ: dict[str, str]) -> None:
    """Where the operating system refuses a path the other places still count."""
    folder = put(Path("data"), b"user,item\na,b\n")
    assert find_folder(tiny, Path("x" * 300), environ=environ) == folder


def test_an_absent_data_set_is_downloaded_to_the_cache(
    tiny: Source, environ: dict[str, str], tmp_path: Path
) -> None:
    """The publisher's zip is fetched once; then the cache has the file."""
    folder = obtain_folder(tiny, environ=environ)
    assert folder == tmp_path / "cache" / "feddmf" / "tiny"
    assert (folder / "pairs.csv").read_bytes() == b"user,item\na,b\n"
    unreachable = dataclasses.replace(tiny, url="file:///nowhere")
    assert obtain_folder(unreachable, environ=environ) == folder


def test_a_failed_download_says_what_to_put_where(
    tiny: Source, environ: dict[str, str], tmp_path: Path
) -> None:
    """Where the publisher cannot be reached the hint names file, digest, all places and the recipe."""
    unreachable = dataclasses.replace(tiny, url=(tmp_path / "absent.zip").as_uri())
    with pytest.raises(ConnectError, match=r"absent\.zip") as caught:
        obtain_folder(unreachable, tmp_path / "named", environ=environ)
    assert caught.value.exit_code == 2
    for place in places(tmp_path / "named", environ=environ):
        assert str(place / "tiny") in caught.value.hint
    assert f"put pairs.csv (SHA-256 {tiny.files[0].sha256})" in caught.value.hint
    assert "write it" in caught.value.hint


def test_a_download_that_is_not_what_was_pinned_is_not_kept(
    tiny: Source, environ: dict[str, str], tmp_path: Path
) -> None:
    """A publisher's file with another digest is an error, and nothing reaches the cache."""
    other = dataclasses.replace(tiny, files=(dataclasses.replace(tiny.files[0], sha256="0" * 64),))
    with pytest.raises(DataError, match=f"SHA-256 of its pairs.csv is {tiny.files[0].sha256}"):
        obtain_folder(other, environ=environ)
    assert not (tmp_path / "cache").exists()


def test_a_corrupt_file_is_named_with_both_digests(
    tiny: Source, environ: dict[str, str], tmp_path: Path
) -> None:
    """A file that was found and differs is an error, not a reason to look elsewhere."""
    folder = put(tmp_path / "shared", b"user,item\na,c\n")
    with pytest.raises(DataError) as caught:
        obtain_folder(tiny, environ=environ)
    assert str(folder / "pairs.csv") in caught.value.message
    assert tiny.files[0].sha256 in caught.value.message
    assert "3b3ed32ec659aa01" in caught.value.message


def test_a_home_made_file_is_noted_and_used(
    tiny: Source, environ: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the digest is advisory a file that differs is used, with a warning in the log."""
    loose = dataclasses.replace(tiny, files=(dataclasses.replace(tiny.files[0], strict=False),))
    folder = put(tmp_path / "shared", b"home-made")
    with caplog.at_level(logging.WARNING):
        assert obtain_folder(loose, environ=environ) == folder
    assert tiny.files[0].sha256 in caplog.text


def test_a_file_that_nobody_has_pinned_is_only_looked_for(
    tiny: Source, environ: dict[str, str], tmp_path: Path
) -> None:
    """Any content is taken, to be checked as it is read; absent, it is named without a digest."""
    free = dataclasses.replace(tiny, url=None, files=(dataclasses.replace(tiny.files[0], sha256=None),))
    with pytest.raises(InputError, match="in none of the places") as caught:
        obtain_folder(free, environ=environ)
    assert "put pairs.csv into one of" in caught.value.hint
    folder = put(tmp_path / "shared", b"anything")
    assert obtain_folder(free, environ=environ) == folder


def test_without_an_address_no_download_is_tried(tiny: Source, environ: dict[str, str]) -> None:
    """A data set whose publisher has another form says how to make the file."""
    with pytest.raises(InputError, match="Tiny is in none of the places looked at") as caught:
        obtain_folder(dataclasses.replace(tiny, url=None), environ=environ)
    assert "write it" in caught.value.hint


def test_another_good_copy_is_taken(tiny: Source) -> None:
    """A file fits by the pinned digest, by one of another good copy, or where nobody has pinned it."""
    pinned = dataclasses.replace(tiny.files[0], sha256="a" * 64, also=("b" * 64,))
    assert [pinned.fits(each * 64) for each in "abc"] == [True, True, False]
    assert dataclasses.replace(pinned, sha256=None).fits("c" * 64)
