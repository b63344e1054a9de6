"""What ``guard repeat`` and ``guard sweep`` read from words, and the configuration of an earlier run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from guardrun.errors import UserError
from guardrun.provenance.config import Loaded, config_from_earlier
from guardrun.provenance.config.model import Config
from guardrun.provenance.secrets import hidden_keys

_MOST_SEEDS: Final = 1000
_SEED_NAME: Final = re.compile(r"-{0,2}(?:(?:random|manual|global|rng)[-_])?seed", re.IGNORECASE)
"""Names that mean the seed of the whole training; a split's or a data set's own seed stays as it was."""
_REFERENCE: Final = "${seed}"


def whole_numbers(text: str, option: str) -> list[int]:
    """``1,2,5`` or ``1-3`` as numbers. Raises UserError for anything else, and for one given twice."""
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise UserError(
                f"{option} {text}: {part.strip()!r} is no seed", hint=f"for example {option} 1,2,3"
            )
        numbers = range(int(first), int(last if dash else first) + 1)
        if len(found) + len(numbers) > _MOST_SEEDS:
            raise UserError(f"{option} {text}: at most {_MOST_SEEDS} seeds")
        found += numbers
    if not found or len(set(found)) < len(found):
        raise UserError(f"{option} {text}: each seed once")
    if max(found) >= 2**32:
        raise UserError(f"{option} {text}: seeds are below 2**32")
    return found


def renamed(loaded: Loaded, name: str) -> Loaded:
    """The same configuration under another name."""
    return loaded._replace(
        config=msgspec.structs.replace(loaded.config, name=name),
        effective={**loaded.effective, "name": name},
        raw={**loaded.raw, "name": name},
    )


def earlier_config(
    earlier: Mapping[str, Any], overrides: Sequence[str], *, name: str, seeded: bool = False
) -> Loaded:
    """The configuration of an earlier attempt, read anew with overrides. ``seeded``: its seed may be given
    by ``seed=…``, wherever the run took it from.

    A run that its script started alone has its command line and what start() was told. Raises UserError
    when there is neither.
    """
    raw = raw_of(earlier, name)
    source = Path(earlier["config_source"]) if earlier.get("config_source") else None
    if seeded:
        raw = with_seed_reference(raw)
    loaded = config_from_earlier(raw, overrides, source=source, name=name)
    typed = [str(word) for word in earlier.get("overrides") or ()]
    return loaded._replace(overrides=[*typed, *overrides], text=str(earlier.get("config_text") or ""))


def refuse_hidden(loaded: Loaded, again: str) -> None:
    """Raise UserError where the configuration holds a secret that was not recorded and not given anew."""
    keys = hidden_keys(loaded.raw)
    if keys:
        raise UserError(
            f"the configuration held a secret, which was not recorded: {', '.join(keys)}",
            hint=f"give it again: {again} {keys[0]}=…",
        )


def raw_of(earlier: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What was written for an earlier attempt, interpolations unresolved."""
    raw = earlier.get("config_raw")
    if isinstance(raw, dict):
        return dict(raw)
    command = earlier.get("command")
    if not isinstance(command, list) or not command:
        raise UserError(
            f"{name} was not started by guard, and its command is unknown", hint="start it by `guard run`"
        )
    told = earlier.get("config")
    known = {
        key: value
        for key, value in (told.items() if isinstance(told, dict) else ())
        if key in Config.__struct_fields__ and value is not None
    }
    return {**known, "command": [str(word).replace("${", "\\${") for word in command]}


def with_seed_reference(raw: Mapping[str, Any]) -> dict[str, Any]:
    """``--seed 3``, ``seed=3``, ``params: {seed: 3}`` and ``env: {SEED: 3}`` become ``${seed}``."""
    seeded = dict(raw)
    for key in ("command", "args"):
        if isinstance(seeded.get(key), list):
            seeded[key] = _with_seed_words([str(word) for word in seeded[key]])
    for key in ("params", "env"):
        section = seeded.get(key)
        if isinstance(section, dict):
            seeded[key] = {
                name: _REFERENCE if _SEED_NAME.fullmatch(str(name)) and _is_number(value) else value
                for name, value in section.items()
            }
    return seeded


def _with_seed_words(words: list[str]) -> list[str]:
    told = list(words)
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if not _SEED_NAME.fullmatch(name):
            continue
        if equals and _is_number(value):
            told[place] = f"{name}={_REFERENCE}"
        elif not equals and name.startswith("-") and place + 1 < len(words) and _is_number(words[place + 1]):
            told[place + 1] = _REFERENCE
    return told


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and str(value).isdigit()


def takes_the_seed(raw: Mapping[str, Any]) -> bool:
    """Whether ``seed: …`` reaches the command by a reference."""
    return any(_refers(raw.get(key)) for key in ("command", "args", "params", "env"))


def _refers(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_refers(inner) for inner in value.values())
    if isinstance(value, list):
        return any(_refers(inner) for inner in value)
    return isinstance(value, str) and _REFERENCE in value
