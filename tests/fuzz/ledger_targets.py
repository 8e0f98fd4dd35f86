"""What reads ledgers: the line, the chain, the file that goes on, and audits of exports from elsewhere."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from feddmf.audit.comparing import compare
from feddmf.audit.coordinator_book import audit_coordinator
from feddmf.audit.papers import Papers, read_export, write_export
from feddmf.audit.party_book import audit_party
from feddmf.chain_file import ChainFile
from feddmf.identity import decode_key
from feddmf.ledger import GENESIS, Head, chain, encode_line, parse_line, verify
from feddmf.signing import Domain, sign, to_text
from feddmf_coordinator.papers import coordinator_papers
from feddmf_party.papers import party_papers
from fuzz.mutate import json_text, text
from fuzz.target import Target
from support.ledgers import BothSides, both_sides

__all__ = ["audits_of_coordinators", "audits_of_parties", "chain_files", "lines"]

_MADE = {"number", "previous", "hash", "signature"}


def _lines_of(sides: BothSides) -> bytes:
    return sides.folder().ledger.read_bytes()


def lines(path: Path) -> Target:
    """Lines of a ledger, and the chain that they make."""

    def read(raw: bytes) -> None:
        records = [record for line in raw.splitlines(keepends=True) if (record := parse_line(line))]
        for record in records:
            assert parse_line(encode_line(record)) == record
        verify(records)

    return Target([_lines_of(both_sides(path, 2))], _record, read)


def chain_files(path: Path) -> Target:
    """A ledger's file, as whoever goes on with it opens it."""
    sides = both_sides(path, 2)
    file = path / "fuzzed.jsonl"

    def read(raw: bytes) -> None:
        file.write_bytes(raw)
        opened = ChainFile(file, Domain.LEDGER, lambda: None)
        assert len(list(opened.records())) == len(opened)

    return Target([_lines_of(sides), b""], partial(_chained, {}), read)


def audits_of_parties(path: Path) -> Target:
    """A party's export, held against itself and against the coordinator's papers."""
    sides = both_sides(path, 2)
    theirs = coordinator_papers(sides.enrolled.folder.path)
    return _audits(path, sides, party_papers(sides.folder().path), theirs)


def audits_of_coordinators(path: Path) -> Target:
    """A coordinator's exports, whole and cut down to one party, held against that party's papers."""
    sides = both_sides(path, 2)
    folder = sides.enrolled.folder.path
    ours = party_papers(sides.folder().path)
    return _audits(path, sides, coordinator_papers(folder, about="acme"), ours, coordinator_papers(folder))


def _audits(path: Path, sides: BothSides, shown: Papers, other: Papers, *more: Papers) -> Target:
    export = path / "fuzzed.audit"
    samples = []
    for each in (shown, *more):
        write_export(export, each)
        samples.append(export.read_bytes())
    # Who holds the keys writes what it likes, and signs it: nothing may break on that either.
    keys = {
        "acme": decode_key(sides.enrolled.identity("acme").key_pem, what=""),
        "coordinator": decode_key(sides.enrolled.folder.server_key.read_bytes(), what=""),
    }

    def read(raw: bytes) -> None:
        export.write_bytes(raw)
        papers = read_export(export)
        try:
            compare(papers, other)
        finally:
            book = audit_party(papers) if papers.owner.party else audit_coordinator(papers)
            assert all(problem.hint for problem in book.problems)

    return Target(samples, partial(_chained, keys), read)


def _record(chance: random.Random, raw: bytes) -> bytes:
    return text(chance, raw) if chance.random() < 0.3 else json_text(chance, raw)


def _chained(keys: Mapping[str, Any], chance: random.Random, raw: bytes) -> bytes:
    """Change records; now and then chain the lines anew, and sign them by the key of whoever has it."""
    changed = _record(chance, raw)
    # Halves of characters, which JSON can spell, have no hash.
    if chance.random() < 0.4 or b"\\ud8" in changed:
        return changed
    head, made, domain, key = Head(0, GENESIS), [], Domain.LEDGER, keys.get("acme")
    for line in changed.split(b"\n"):
        record = _object(line)
        if record is None or "number" not in record:
            made.append(line)
            if record is not None and record.get("side") == "coordinator":
                domain, key = Domain.RECEIPTS, keys.get("coordinator")
            continue
        if record.get("event") == "key" and made and len(made) > 1 and domain is Domain.LEDGER:
            head, domain = Head(0, GENESIS), Domain.COUNTERSIGNATURES
        content = {
            name: record[name] for name in record if name not in {"number", "previous", "hash", "signature"}
        }
        whole = chain(content, number=head.length, previous=head.hash)
        head = Head(head.length + 1, whole["hash"])
        if key is not None and "signature" in record:
            whole["signature"] = to_text(sign(key, domain, head.to_bytes()))
        made.append(encode_line(whole).rstrip(b"\n"))
    return b"\n".join(made)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
