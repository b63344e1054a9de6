"""How long texts of a configuration become with references replaced (a few lines can ask for terabytes)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

MOST = 1024 * 1024
_REFERENCE = re.compile(r"\$\{([^${}:]+)\}")
_PART = re.compile(r"[^.\[\]]+")


def too_long(config: Any) -> str | None:
    """The dotted key of a value that grows beyond ``MOST`` characters; None when all stay below."""
    known: dict[str, int] = {}
    for key, value in _texts(config):
        if _length(value, config, known, key, frozenset()) > MOST:
            return key
    return None


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _texts(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _texts(inner, f"{key}[{at}]")
    elif isinstance(value, str) and "${" in value:
        yield key, value


def _length(value: Any, config: Any, known: dict[str, int], key: str, within: frozenset[str]) -> int:
    """Characters of a value, references replaced; a circle counts nothing, the resolution will name it."""
    if key in known or key in within or len(within) > 100:
        return known.get(key, 0)
    if isinstance(value, dict | list):
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        total = sum(_length(one, config, known, f"{key}.{name}", within) for name, one in inner)
    elif isinstance(value, str):
        total = len(value)
        for name in _REFERENCE.findall(value):
            total += _length(_at(config, name), config, known, ".".join(_PART.findall(name)), within | {key})
    else:
        total = 8
    known[key] = total
    return total


def _at(config: Any, name: str) -> Any:
    for part in _PART.findall(name):
        if isinstance(config, dict):
            config = config.get(part)
        elif isinstance(config, list) and part.isascii() and part.isdigit() and int(part) < len(config):
            config = config[int(part)]
        else:
            return None
    return config
