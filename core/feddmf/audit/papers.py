"""The files that one side shows: those of its folder, or one file that it has exported them to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from cryptography import x509
from pydantic import Field, ValidationError

from feddmf.chain_file import read_lines
from feddmf.config import Settings
from feddmf.errors import InputError
from feddmf.files import replacing
from feddmf.identity import (
    FEDERATION_PATTERN,
    PARTY_PATTERN,
    PeerName,
    decode_certificate,
    encode_certificate,
)
from feddmf.ledger import MAX_LINE_BYTES, Head
from feddmf.progress import Progress, Tally

__all__ = ["COUNTERSIGNATURES", "LEDGER", "Papers", "file_lines", "read_export", "watched", "write_export"]

LEDGER, COUNTERSIGNATURES = "ledger", "countersignatures"
_VERSION = 1
_MOST_LINES = 1 << 32
_RESTORE = "get the file again from where it came"

Lines = Callable[[], Iterator[bytes]]


@dataclass(frozen=True)
class Papers:
    """What one side shows of what left and what came.

    owner: whose they are; about: the one party that a coordinator's are cut down to; lines: each chain, to be
    read from its first line; where: how messages name each; anchor: a head that the ledger had, kept
    elsewhere; at_work: whether its process runs, so that its last release may be on its way.
    """

    owner: PeerName
    root: x509.Certificate
    lines: Mapping[str, Lines]
    where: Mapping[str, str]
    about: str | None = None
    anchor: Head | None = None
    at_work: bool = False


class _Sections(Settings):
    """How many lines each chain has."""

    ledger: int = Field(ge=0, le=_MOST_LINES)
    countersignatures: int = Field(0, ge=0, le=_MOST_LINES)


class _Header(Settings):
    """The first line of an export; party: whose, or for a coordinator's, about whom."""

    feddmf_audit: int = Field(ge=_VERSION, le=_VERSION)
    side: str = Field(pattern="^(party|coordinator)$")
    federation: str = Field(pattern=FEDERATION_PATTERN)
    party: str | None = Field(None, pattern=PARTY_PATTERN)
    root: str = Field(max_length=MAX_LINE_BYTES)
    sections: _Sections


def file_lines(path: Path) -> Lines:
    """Return a reader of a file's lines; a file that is not there has none."""

    def lines() -> Iterator[bytes]:
        if not path.exists():
            return
        try:
            with path.open("rb") as file:
                yield from read_lines(file, where=str(path))
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}", hint=_RESTORE) from error

    return lines


def watched(papers: Papers, progress: Progress) -> Papers:
    """Return the same papers; `progress` hears how many lines have been read of the chain that is read."""
    whose = papers.owner.party or "the coordinator"

    def telling(name: str, lines: Lines) -> Lines:
        def told() -> Iterator[bytes]:
            tally = Tally(progress, sum(1 for _ in lines()), f"lines of {whose}'s {name} checked")
            for line in lines():
                yield line
                tally.add(1)

        return told

    return replace(papers, lines={name: telling(name, lines) for name, lines in papers.lines.items()})


def write_export(path: Path, papers: Papers) -> dict[str, int]:
    """Write everything that `papers` show into one file; return how many lines each chain has."""
    # A process that runs may append meanwhile; what is counted is what is written.
    counts = {name: sum(1 for _ in lines()) for name, lines in papers.lines.items()}
    header = {
        "feddmf_audit": _VERSION,
        "side": "coordinator" if papers.owner.party is None else "party",
        "federation": papers.owner.federation,
        "party": papers.owner.party or papers.about,
        "root": encode_certificate(papers.root).decode(),
        "sections": counts,
    }
    with replacing(path, mode=0o600) as beside, beside.open("wb") as file:
        file.write(json.dumps(header).encode() + b"\n")
        for name, lines in papers.lines.items():
            file.writelines(islice(lines(), counts[name]))
    return counts


def read_export(path: Path) -> Papers:
    """Return what an export shows; InputError where the file is none."""
    header = _read_header(path)
    about = header.party
    if header.side == "party" and about is None:
        raise InputError(f"{path} does not say which party's it is", hint=_RESTORE)
    counts = {LEDGER: header.sections.ledger}
    if header.side == "party":
        counts[COUNTERSIGNATURES] = header.sections.countersignatures
    starts = {LEDGER: 1, COUNTERSIGNATURES: 1 + header.sections.ledger}
    whole = 1 + sum(counts.values())
    return Papers(
        owner=PeerName(header.federation, about if header.side == "party" else None),
        root=decode_certificate(header.root.encode(), what=f"the root certificate in {path}"),
        lines={name: _section(path, starts[name], count, whole) for name, count in counts.items()},
        where={name: f"{path} ({name})" for name in counts},
        about=about if header.side == "coordinator" else None,
    )


def _read_header(path: Path) -> _Header:
    wrong = f"{path} is no export of `feddmf audit export`"
    try:
        with path.open("rb") as file:
            first = next(read_lines(file, where=str(path)), b"")
        content: Any = json.loads(first)
        return _Header.model_validate(content)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}", hint="name an existing file") from error
    except (ValueError, RecursionError, ValidationError) as error:
        raise InputError(wrong, hint=_RESTORE) from error


def _section(path: Path, start: int, count: int, whole: int) -> Lines:
    """Return a reader of `count` lines behind the first `start` of a file that should have `whole`."""

    def lines() -> Iterator[bytes]:
        number = 0
        with path.open("rb") as file:
            for number, line in enumerate(read_lines(file, where=str(path)), 1):
                if number > whole:
                    raise InputError(f"{path} goes on behind its last line", hint=_RESTORE)
                if start < number <= start + count:
                    yield line
        if number < whole:
            raise InputError(f"{path} has {number} of {whole} lines: its end was cut off", hint=_RESTORE)

    return lines
