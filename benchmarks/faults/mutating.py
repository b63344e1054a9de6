"""Bytes of real files, changed as a bad disk, a foreign hand or a fuzzer would change them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any, Final

NASTY: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1,
    2**31, 2**53, 2**63, 2**64, -(2**63), 10**400, 0.5, -0.0, 1e308, -1e308, 1e-320,
    "", "NaN", "Infinity", "-Infinity",
    "1e999", "x" * 5000, "\x1b]0;owned\x07", "\u202egnp", "<script>", "[red]",
    "../../etc/passwd", "/etc/passwd", "/dev/zero", "a\0b", "\ud800", "9" * 5000, "true", " ", "\n", "%s%n",
    "{0}",
    [], {}, [[]], [None], {"": ""}, [1, "2", None], {"a": {"b": {"c": []}}}, [{}] * 100,
)  # fmt: skip
"""Values that a reader does not expect where it finds them."""
_TOKENS: Final = (
    b"null", b"NaN", b"-Infinity", b"1e999", b"9" * 400, b'"', b"{", b"}", b"[", b"]", b",", b":",
    b"\n", b"\r", b"\0", b"\xff\xfe",
    b"\xed\xa0\x80", b"\x1b[2J", b"\xe2\x80\xae", b"\\u0000", b"\\ud800", b"- ", b"*a", b"&a ",
    b"!!python/object/apply:os.system ", b"${", b"<<: ", b"? ", b"|\n", b"\t", b"PK\3\4", b"\x80\x02c", b"R.",
    b"[" * 200, b"{" * 200, b'{"a":' * 300,
)  # fmt: skip


def mutate(data: bytes, chance: random.Random) -> bytes:
    """One to four changes."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        data = chance.choice(_MUTATORS)(data, chance)
    return data


def _places(data: bytes, chance: random.Random) -> tuple[int, int]:
    first = chance.randrange(len(data) + 1)
    return first, min(len(data), first + chance.choice((1, 1, 2, 8, 64, 512)))


def _flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.choice((1, 2, 8))):
        if changed:
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _cut(data: bytes, chance: random.Random) -> bytes:
    first, last = _places(data, chance)
    return data[:first] + data[last:]


def _repeat(data: bytes, chance: random.Random) -> bytes:
    first, last = _places(data, chance)
    return data[:last] + data[first:last] * chance.choice((1, 3, 100)) + data[last:]


def _truncate(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _insert(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data) + 1)
    token = chance.choice(_TOKENS) if chance.random() < 0.8 else chance.randbytes(chance.choice((1, 4, 64)))
    return data[:at] + token + data[at:]


def _shuffle(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    for _ in range(3):
        first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
        lines[first], lines[second] = lines[second], lines[first]
    return b"\n".join(lines)


def _value(data: bytes, chance: random.Random) -> bytes:
    """Another value in a JSON document, or in some lines of a file of JSON lines."""
    try:
        return _dumped(_changed(json.loads(data), chance))
    except (ValueError, RecursionError):
        pass
    lines = data.split(b"\n")
    for _ in range(chance.choice((1, 1, 5, 20))):
        at = chance.randrange(len(lines))
        try:
            lines[at] = _dumped(_changed(json.loads(lines[at]), chance))
        except (ValueError, RecursionError):
            continue
    return b"\n".join(lines)


def _dumped(value: Any) -> bytes:
    return json.dumps(value).encode()


def _changed(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict) and value:
        key = chance.choice(list(value))
        if chance.random() < 0.5 and isinstance(value[key], dict | list):
            return {**value, key: _changed(value[key], chance)}
        kind = chance.randrange(8)
        if kind == 0:
            return {name: inner for name, inner in value.items() if name != key}
        if kind == 1:
            return {**value, str(chance.choice(NASTY)): value[key]}
        if kind == 2:
            return {**value, key: value[chance.choice(list(value))]}
        return {**value, key: chance.choice(NASTY)}
    if isinstance(value, list) and value:
        at = chance.randrange(len(value))
        return [*value[:at], _changed(value[at], chance), *value[at + 1 :]]
    return chance.choice(NASTY)


_MUTATORS: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (
    _value, _value, _value, _value, _flip, _cut, _repeat, _truncate, _insert, _insert, _shuffle,
)  # fmt: skip
