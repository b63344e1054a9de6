"""In which settings runs differ, and those settings in few words. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from guardrun.provenance.recipes import is_seed
from guardtui import formatting
from guardtui.text import clean
from guardtui.viewmodel.filter_facts import flattened

ABSENT: Final = object()
"""The value of a key that a run does not have."""
_NAMING: Final = ("name", "group")
_NOT_TRAINING: Final = ("policy.", "cost.", "checkpoint.", "resume.", "monitor.", "stop.", "budget.", "logs")
_LONGEST: Final = 24
_SMALL: Final = 1e-3


def settings_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Dotted key -> value of all that was configured, defaults included, without what only names the run."""
    return {path: value for path, value in flattened(config) if path not in _NAMING}


def keys_apart(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys whose values are not the same in all: parameters first, then others that change the training,
    the seed, and what only changes how it is watched."""
    keys = {key for each in settings for key in each}
    apart = [key for key in keys if len({repr(each.get(key, ABSENT)) for each in settings}) > 1]
    return sorted(apart, key=lambda key: (_order(key), key))


def changes_training(key: str) -> bool:
    """Whether a setting does more than change how the training is watched and saved."""
    return not key.startswith(_NOT_TRAINING)


def _order(key: str) -> int:
    if is_seed(key):
        return 2
    if not changes_training(key):
        return 3
    return 0 if key.startswith("params.") else 1


def differing_words(setting: Mapping[str, Any], keys: Sequence[str]) -> str:
    """``lr=3e-4 seed=1``: the run's values of these keys, where it has them."""
    return " ".join(f"{bare(key)}={value_words(setting[key])}" for key in keys if key in setting)


def bare(key: str) -> str:
    """The key without what all parameters begin with.

    >>> bare("params.lr"), bare("data.path")
    ('lr', 'data.path')
    """
    return clean(key.removeprefix("params."))


def value_words(value: Any, longest: int = _LONGEST) -> str:
    """A configured value as people type it.

    >>> [value_words(v) for v in (0.0003, 0.1, True, None, "adam", [1, 2])]
    ['3e-4', '0.1', 'true', 'null', 'adam', '[1,2]']
    """
    if value is ABSENT:
        return "absent"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float):
        small = value != 0 and abs(value) < _SMALL
        return formatting.number(value) if small else f"{value:g}"
    if isinstance(value, list | tuple):
        text = f"[{','.join(value_words(each) for each in value[:longest])}]"
    else:
        text = clean(str(value)[: 4 * longest])
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
