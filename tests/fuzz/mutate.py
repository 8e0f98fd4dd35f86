"""Inputs that were whole once: samples changed byte by byte, or in their structure, and now and then noise.

Every input comes from a seed, a target's name and a number alone, so that each can be made again.
Samples with keys in them are new each time; what is done to them is the same.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

__all__ = ["Mutate", "der", "join_stream", "json_text", "made", "plain", "protobuf", "split_stream", "text"]

Mutate = Callable[[random.Random, bytes], bytes]

LONGEST = 1 << 18
"""Most bytes of an input; what reads larger ones is bounded before it parses."""

_NUMBERS = (0, 1, -1, 127, 128, 255, 256, 2**31 - 1, 2**31, 2**32 - 1, 2**53 + 1, 2**63, 2**64 - 1, 10**30)
_WORDS = (
    *(
        b"../../../../etc/passwd",
        b"\x00",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\x1b[2J",
        b"nan",
        b"-inf",
        b"1e999",
    ),
    *(b"9" * 5_000, b"[" * 50_000, b'{"a":' * 20_000, b"a." * 10_000, b"[[a]]\n" * 900, b"x" * 70_000),
    *(b"[a." * 300, b'"' * 1_001, b"'''", b"null", b"true", b"\\ud800", b"\\u0000", b"\r", b"\n", b",,,,"),
    *(b"1979-13-45T99:99:99Z", b"0x", b"local_id:", b"=", b"-----BEGIN CERTIFICATE-----", b"\xc0\x80", b"-0"),
)


def made(seed: int, name: str, number: int, samples: Sequence[bytes], mutate: Mutate) -> bytes:
    """Return input `number` of a target: a sample, mutated a few times, or noise."""
    # Text seeds are hashed by SHA-512, the same everywhere.
    chance = random.Random(f"{seed} {name} {number}")  # noqa: S311  (inputs to make again, no secrets)
    if chance.random() < 0.02:
        return chance.randbytes(chance.choice((0, 1, 7, 100, 3_000)))
    raw = chance.choice(samples)
    for _ in range(1 + min(int(chance.expovariate(0.7)), 12)):
        structural = chance.random() < 0.6
        raw = mutate(chance, raw) if structural else plain(chance, raw)
        if chance.random() < 0.05:
            raw = _spliced(chance, raw, chance.choice(samples))
    return raw[:LONGEST]


def plain(chance: random.Random, raw: bytes) -> bytes:
    """Change some bytes, with no idea of what they mean."""
    start = chance.randint(0, len(raw))
    end = min(len(raw), start + chance.choice((0, 1, 1, 2, 4, 8, 64, 1_000)))
    cut = raw[start:end]
    match chance.randrange(8):
        case 0:
            new = bytes(byte ^ 1 << chance.randrange(8) for byte in cut)
        case 1:
            new = chance.randbytes(len(cut))
        case 2:
            new = b""
        case 3:
            new = cut * chance.choice((2, 3, 50))
        case 4:
            new, end = b"", len(raw)
        case 5:
            new = chance.choice(_WORDS)
        case 6:
            other = chance.randint(0, len(raw))
            new = raw[other : other + max(len(cut), 1)]
        case _:
            form = chance.choice((">I", "<I", ">Q", "<Q", "B"))
            new = struct.pack(form, chance.choice(_NUMBERS) % 2 ** (8 * struct.calcsize(form)))
    return raw[:start] + new + raw[end:]


def _spliced(chance: random.Random, raw: bytes, other: bytes) -> bytes:
    return raw[: chance.randint(0, len(raw))] + other[chance.randint(0, len(other)) :]


def text(chance: random.Random, raw: bytes) -> bytes:
    """Change lines, words and numbers of a text."""
    lines = raw.split(b"\n")
    at = chance.randrange(len(lines))
    match chance.randrange(6):
        case 0:
            del lines[at]
        case 1:
            lines.insert(chance.randint(0, len(lines)), lines[at])
        case 2:
            other = chance.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            head, sign, _ = lines[at].partition(b"=")
            value = chance.choice((*_WORDS, *(str(number).encode() for number in _NUMBERS), b"[]", b'""'))
            lines[at] = head + sign + b" " + value
        case 4:
            words = lines[at].split(b",")
            words[chance.randrange(len(words))] = chance.choice((*_WORDS, words[0], b'"a,b"', b""))
            lines[at] = b",".join(words)
        case _:
            lines[at] = lines[at].swapcase() if chance.random() < 0.5 else lines[at][::-1]
    return b"\n".join(lines)


def json_text(chance: random.Random, raw: bytes) -> bytes:
    """Change values within the first line that is JSON; the rest of the document stays."""
    lines = raw.split(b"\n")
    at = chance.randrange(len(lines))
    try:
        value = json.loads(lines[at])
    except (ValueError, RecursionError):
        return plain(chance, raw)
    changed = _json(chance, value, 6)
    try:
        lines[at] = json.dumps(changed, separators=(",", ":"), ensure_ascii=chance.random() < 0.5).encode()
    except (ValueError, RecursionError):
        return plain(chance, raw)
    return b"\n".join(lines)


def _json(chance: random.Random, value: Any, depth: int) -> Any:
    if depth and value and isinstance(value, dict | list) and chance.random() < 0.85:
        place = chance.choice(list(value) if isinstance(value, dict) else range(len(value)))
        copy: Any = value.copy()
        match chance.randrange(8):
            case 0:
                copy.pop(place)
            case 1 if isinstance(copy, list):
                copy.insert(chance.randint(0, len(copy)), copy[place])
            case 1:
                copy[chance.choice(("", "x", *copy, "number", "hash"))] = copy[place]
            case _:
                copy[place] = _json(chance, copy[place], depth - 1)
        return copy
    nested: Any = value
    for _ in range(chance.choice((0, 1, 3, 400))):
        nested = [nested]
    others = (None, True, "", [], {}, "\ud800", "\0", "../..", "x" * 300, 1.5, 1e308, 10**4000, nested)
    return chance.choice((*others, *_NUMBERS))


def protobuf(chance: random.Random, raw: bytes) -> bytes:
    """Change the fields of a message; lengths are put right, so that what is within is reached."""
    return _records(chance, raw, _fields, _field)


def der(chance: random.Random, raw: bytes) -> bytes:
    """Change the values of a DER structure; lengths are put right, so that what is within is reached."""
    return _records(chance, raw, _values, _value)


Record = tuple[int, bytes | int]


def _records(
    chance: random.Random,
    raw: bytes,
    read: Callable[[bytes], Iterator[Record]],
    write: Callable[[Record], bytes],
) -> bytes:
    """Change one of the records in `raw`, or one within one of them; bytes that hold none are changed."""
    records = list(read(raw))
    if not records:
        return plain(chance, raw)
    at = chance.randrange(len(records))
    tag, content = records[at]
    match chance.randrange(10):
        case 0:
            del records[at]
        case 1:
            records.insert(chance.randint(0, len(records)), records[at])
        case 2:
            chance.shuffle(records)
        case 3:
            records[at] = tag ^ 1 << chance.randrange(6), content
        case _ if isinstance(content, int):
            records[at] = tag, chance.choice((*_NUMBERS, content + 1)) % 2**64
        case _:
            records[at] = tag, _records(chance, content, read, write)
    return b"".join(map(write, records))


def _fields(raw: bytes) -> Iterator[Record]:
    """Yield the fields of a message: its tag, and the number or the bytes; nothing where it is none."""
    at, found = 0, []
    while at < len(raw):
        tag, at = _varint(raw, at)
        if tag & 7 not in {0, 2} or not tag >> 3 or at < 0:
            return
        size, at = _varint(raw, at)
        if at < 0:
            return
        if tag & 7 == 0:
            found.append((tag, size))
            continue
        if at + size > len(raw):
            return
        found.append((tag, raw[at : at + size]))
        at += size
    yield from found


def _field(record: Record) -> bytes:
    tag, content = record
    if isinstance(content, int):
        return _number(tag & ~7) + _number(content)
    return _number(tag) + _number(len(content)) + content


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    number = 0
    for place in range(10):
        if at + place >= len(raw):
            break
        number |= (raw[at + place] & 0x7F) << 7 * place
        if raw[at + place] < 0x80:
            return number, at + place + 1
    return 0, -1


def _number(number: int) -> bytes:
    low = bytearray()
    while number > 0x7F:
        low.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*low, number])


def _values(raw: bytes) -> Iterator[Record]:
    """Yield the values of DER: tag and contents; nothing where it is none."""
    at, found = 0, []
    while at + 2 <= len(raw):
        tag, size, at = raw[at], raw[at + 1], at + 2
        if size & 0x80:
            more = size & 0x7F
            size, at = int.from_bytes(raw[at : at + more], "big"), at + more
        if at + size > len(raw):
            return
        found.append((tag, raw[at : at + size]))
        at += size
    if at == len(raw):
        yield from found


def _value(record: Record) -> bytes:
    tag, content = record
    assert isinstance(content, bytes)
    size = len(content)
    length = bytes([size]) if size < 0x80 else _long(size.to_bytes((size.bit_length() + 7) // 8, "big"))
    return bytes([tag]) + length + content


def _long(size: bytes) -> bytes:
    return bytes([0x80 | len(size)]) + size


def join_stream(messages: Sequence[bytes]) -> bytes:
    """Return the messages of a stream as one input, each behind its tag and length."""
    return b"".join(_field((10, message)) for message in messages)


def split_stream(raw: bytes) -> list[bytes]:
    """Return the messages of an input; what is no such stream is one message."""
    found = [content for _, content in _fields(raw) if isinstance(content, bytes)]
    return found or [raw]
