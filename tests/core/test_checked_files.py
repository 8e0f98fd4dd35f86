"""Numbered files behind digests: what was written is read, and anything else is named."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feddmf.checked_files import CheckedFiles
from feddmf.errors import InputError, LocalResourceError
from feddmf.payload import Payload

PAYLOADS = {
    "acme": Payload({"b": np.arange(6, dtype=np.float32).reshape(3, 2), "a": np.ones((1, 1))}),
    "bolt": Payload({"flags": np.array([True, False]), "none": np.zeros((0, 4), np.uint64)}),
}


def _files(folder: Path) -> CheckedFiles:
    return CheckedFiles(folder, hint="mend it", named="kept/here")


def test_payloads_come_back_as_they_were(tmp_path: Path) -> None:
    """In their order, with dtypes and shapes, also where there is no row; and what was said of them."""
    files = _files(tmp_path)
    files.write_payloads("round", 3, {"seconds": 0.1}, PAYLOADS)
    said, payloads = files.read_payloads("round", 3)
    assert said == {"seconds": 0.1}
    assert list(payloads) == ["acme", "bolt"]
    for name, payload in PAYLOADS.items():
        assert [*payloads[name]] == [*payload]
        for array_name, array in payload.items():
            found = payloads[name][array_name]
            assert (found.dtype, found.shape) == (array.dtype, array.shape)
            assert found.tobytes() == array.tobytes()


def test_bytes_come_back_as_they_were(tmp_path: Path) -> None:
    """With numbers of more than six figures too."""
    files = _files(tmp_path)
    files.write("state", 1_234_567, b"all of it")
    assert files.read("state", 1_234_567) == b"all of it"
    assert files.numbers("state") == [1_234_567]


def test_files_are_numbered_by_kind_and_forgotten_from_the_front(tmp_path: Path) -> None:
    """Other kinds, and files that are none of these, are left alone."""
    files = _files(tmp_path)
    for number in (2, 0, 10):
        files.write("round", number, b"")
    files.write("state", 1, b"")
    (tmp_path / "round-000001.part").touch()
    assert files.numbers("round") == [0, 2, 10]
    files.forget_before("round", 10)
    assert (files.numbers("round"), files.numbers("state")) == ([10], [1])
    files.remove()
    files.remove()
    assert not tmp_path.exists()
    assert files.numbers("round") == []


@pytest.mark.parametrize("read", ["read", "read_payloads"])
def test_what_is_not_there_is_named_without_its_folder(tmp_path: Path, read: str) -> None:
    """By the name that the folder has for people."""
    with pytest.raises(InputError, match=r"^kept/here/round-000007\.checked is missing$") as caught:
        getattr(_files(tmp_path), read)("round", 7)
    assert caught.value.hint == "mend it"


@pytest.mark.parametrize("payloads", [True, False])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_change_of_a_file_is_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, *, payloads: bool
) -> None:
    """A flipped bit anywhere, bytes that are gone, bytes that came on top; nothing but InputError comes."""
    files = _files(tmp_path_factory.mktemp("files"))
    if payloads:
        files.write_payloads("round", 0, {"n": 1}, PAYLOADS)
    else:
        files.write("round", 0, b"all of it")
    path = files.path("round", 0)
    whole = bytearray(path.read_bytes())
    if data.draw(st.booleans(), label="flips"):
        bit = data.draw(st.integers(0, 8 * len(whole) - 1), label="bit")
        whole[bit // 8] ^= 1 << bit % 8
    else:
        cut = data.draw(st.integers(0, len(whole) - 1), label="cut")
        whole = whole[:cut] if data.draw(st.booleans(), label="shorter") else whole + whole[: cut + 1]
    path.write_bytes(bytes(whole))
    with pytest.raises(InputError, match=r"kept/here/round-000000\.checked is damaged"):
        files.read_payloads("round", 0) if payloads else files.read("round", 0)


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    """With what the system says of it."""
    (tmp_path / "file").touch()
    with pytest.raises(LocalResourceError, match="cannot write"):
        _files(tmp_path / "file").write("round", 0, b"")


@pytest.mark.parametrize("read", ["read", "read_payloads"])
def test_what_the_disk_does_not_give_now_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: str
) -> None:
    """It may be there whole the next time."""
    files = _files(tmp_path)
    files.write_payloads("round", 0, {}, PAYLOADS)

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "open", broken)
    with pytest.raises(LocalResourceError, match=r"cannot read kept/here/round-000000\.checked: Input/out"):
        getattr(files, read)("round", 0)
    monkeypatch.setattr(Path, "iterdir", broken)
    with pytest.raises(LocalResourceError, match="cannot read kept/here: Input/output error"):
        files.numbers("round")
