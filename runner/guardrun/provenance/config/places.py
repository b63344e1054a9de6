"""Where in a configuration something stands, for messages that lead straight to it."""

from __future__ import annotations

import difflib
import re
from typing import Any

import yaml

from guardrun.errors import UserError
from guardrun.provenance.config.model import FREE_SECTIONS, known_keys

_PART = re.compile(r"[^.\[\]]+")


def split_key(key: str) -> list[str]:
    """``args[1]`` and ``args.1`` -> ["args", "1"]."""
    return _PART.findall(key)


class Places:
    """The file and the overrides of one configuration; finds the line of a key when a message needs it."""

    def __init__(self, file: str, text: str, overrides: dict[str, str]) -> None:
        """``overrides``: dotted key -> the override as typed, ``checkpoint.keep=two``."""
        self._file = file
        self._text = text
        self._overrides = {tuple(split_key(key)): typed for key, typed in overrides.items()}

    def of(self, key: str) -> str:
        """``train.yaml, line 4`` or ``override 'checkpoint.keep=two'``; else the file alone."""
        parts = tuple(split_key(key))
        for length in range(len(parts), 0, -1):
            if parts[:length] in self._overrides:
                return f"override {self._overrides[parts[:length]]!r}"
        line = self._line(parts)
        return f"{self._file}, line {line}" if line else self._file

    def error(self, key: str, problem: str, hint: str = "") -> UserError:
        """A UserError that names the place, the key and the problem."""
        return UserError(f"{self.of(key)}: {key}: {problem}", hint=hint)

    def unknown(self, key: str) -> UserError:
        """The error for a key that does not exist, with the nearest one that does."""
        return self.error(key, "there is no such key", nearest_key(key))

    def _line(self, parts: tuple[str, ...]) -> int | None:
        """Line of the deepest part of the key that the text has."""
        try:
            node = yaml.compose(self._text, Loader=yaml.SafeLoader)
        except yaml.YAMLError:
            return None
        line: int | None = None
        for part in parts:
            found = _child(node, part)
            if found is None:
                break
            line, node = found
        return line


def _child(node: Any, part: str) -> tuple[int, Any] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == part:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
        item = node.value[int(part)]
        return item.start_mark.line + 1, item
    return None


def nearest_key(key: str) -> str:
    """A hint: the likeliest key that was meant, else the keys of the same section."""
    keys = known_keys()
    parts = split_key(key)
    close = difflib.get_close_matches(key, keys, n=1, cutoff=0.7)
    if not close:
        # monitor_metric, patience or keep: the right word in the wrong section.
        by_last = {known.rpartition(".")[2]: known for known in reversed(keys)}
        words = difflib.get_close_matches(parts[-1], list(by_last), n=1, cutoff=0.8)
        close = [by_last[word] for word in words]
    if close:
        return f"did you mean {close[0]}?"
    section = parts[0]
    siblings = [known for known in keys if known.startswith(f"{section}.")]
    if len(parts) > 1 and siblings:
        return f"keys of {section}: {', '.join(known.partition('.')[2] for known in siblings)}"
    free = ", ".join(sorted(FREE_SECTIONS))
    return f"a value of your own belongs below params (free keys: {free}); docs/config.md lists every key"
