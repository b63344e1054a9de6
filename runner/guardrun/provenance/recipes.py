"""What makes two runs the same but for their seed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

_PARTS: Final = ("params", "data", "env", "launcher", "nproc_per_node")
_LATER: Final[Mapping[str, Any]] = {"nnodes": 1}
"""Parts with their defaults that runs of earlier versions do not tell: a default changes no recipe, so that
what was kept before is still found."""


def tells_a_recipe(launch: Mapping[str, Any]) -> bool:
    """Whether anything is known of how a run was made: a log of another tool tells neither command nor
    parameters, and nothing says that two of them are repeats."""
    config = launch.get("config")
    settings = config if isinstance(config, Mapping) else {}
    return bool(launch.get("command")) or any(settings.get(part) for part in ("params", "entry", "command"))


def recipe_of(launch: Mapping[str, Any]) -> str:
    """A run's settings (of its attempts/<n>.json) without the seed, as a text to compare.

    Names that hold "seed" are left out wherever they stand: parameters, environment variables, arguments
    (``--seed 3``, ``--seed=3``, ``seed=3``).
    """
    config = launch.get("config")
    settings = config if isinstance(config, Mapping) else {}
    parts: dict[str, Any] = {part: _without_seeds(settings.get(part)) for part in _PARTS}
    parts |= {part: settings[part] for part, usual in _LATER.items() if settings.get(part, usual) != usual}
    command = launch.get("command")
    if isinstance(command, list):
        parts["command"] = list(_arguments(str(word) for word in command))
    return json.dumps(parts, sort_keys=True, default=str)


def _without_seeds(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _without_seeds(part) for key, part in value.items() if not is_seed(str(key))}
    if isinstance(value, list):
        return [_without_seeds(part) for part in value]
    return value


def _arguments(words: Iterable[str]) -> Iterator[str]:
    skip = False
    for word in words:
        if skip:
            skip = False
            continue
        name, given, _ = word.partition("=")
        if is_seed(name) and (given or name.startswith("-")):
            skip = not given
            continue
        yield word


def is_seed(name: str) -> bool:
    """Whether a setting of that name is a seed."""
    return "seed" in name.casefold()
