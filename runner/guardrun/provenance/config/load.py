"""From a file, a command line or an earlier attempt to one validated, effective configuration."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from guardrun.errors import UserError
from guardrun.provenance.config.expansion import MOST, too_long
from guardrun.provenance.config.model import SECTIONS, Config
from guardrun.provenance.config.normal import normalise
from guardrun.provenance.config.places import Places, split_key
from guardrun.provenance.config.reading import (
    apply_overrides,
    check_keys,
    first_line,
    literal,
    parse_text,
    read_text,
    split_override,
)
from guardrun.provenance.config.validate import check_together, convert
from guardrun.provenance.torchrun import MODULE

Origin = Literal["default", "file", "override"]
_REFERENCE = re.compile(r"(?<!\\)\$\{([\w.]+)\}")
_MISSING_KEY = re.compile(r"[Ii]nterpolation key '([^']*)'")
_ABSENT = object()
_BARE_NAMES = frozenset(("config", "guard", "train", "default"))


class Loaded(NamedTuple):
    """A configuration and where it came from."""

    config: Config
    effective: dict[str, Any]
    """Plain data, every default filled in, interpolations resolved, durations in seconds."""
    raw: dict[str, Any]
    """What was written (file and overrides), interpolations unresolved: a resume starts from it."""
    source: Path | None
    overrides: list[str]
    text: str
    origins: dict[str, Origin]
    """Dotted key -> where its value came from."""


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Loaded:
    """Read, override, resolve and validate. UserErrors name file, line, key and what is allowed."""
    path = Path(path)
    text = read_text(path)
    parsed = parse_text(text, str(path))
    loaded = _assemble(parsed, str(path), text, list(overrides), path.resolve())
    return loaded if loaded.config.name else _named(loaded, _name_of(path))


def config_from_command(
    argv: Sequence[str], *, name: str | None = None, group: str | None = None, logs: str | None = None
) -> Loaded:
    """The configuration of ``guard run -- argv``: nothing but defaults around the command."""
    raw = OmegaConf.create({})
    # An argument may hold "${": it is the command's own and no interpolation of ours.
    raw["command"] = [literal(part) for part in argv]
    if name:
        raw["name"] = name
    if group:
        raw["group"] = group
    if logs:
        raw["logs"] = literal(logs)
    loaded = _assemble(raw, "the command line", "", [], None)
    return loaded if loaded.config.name else _named(loaded, _name_of_command(argv))


def config_from_earlier(
    raw: Mapping[str, Any], overrides: Sequence[str], *, source: Path | None, name: str
) -> Loaded:
    """The configuration of a resumed run: what was written for the earlier attempt, and new overrides."""
    loaded = _assemble(
        OmegaConf.create(dict(raw)), str(source or "the earlier attempt"), "", list(overrides), source
    )
    return loaded if loaded.config.name else _named(loaded, name)


def _assemble(written: DictConfig, file: str, text: str, overrides: list[str], source: Path | None) -> Loaded:
    try:
        return _assembled(written, file, text, overrides, source)
    except RecursionError:
        raise UserError(f"{file}: its keys are nested too deeply to be a configuration") from None


def _assembled(
    written: DictConfig, file: str, text: str, overrides: list[str], source: Path | None
) -> Loaded:
    from_file = _leaves(OmegaConf.to_container(written, resolve=False))
    typed = {split_override(override)[0]: override for override in overrides}
    places = Places(file, text, typed)
    check_keys(OmegaConf.to_container(written, resolve=False), places)
    written = apply_overrides(written, overrides, places)
    container = OmegaConf.to_container(written, resolve=False)
    check_keys(container, places)
    raw = _plain(container)
    resolved = normalise(_resolve(raw, places), places)
    config = convert(resolved, places)
    check_together(config, places)
    effective: dict[str, Any] = msgspec.to_builtins(config)
    origins = _origins(effective, from_file, typed)
    return Loaded(config, effective, raw, source, overrides, text, origins)


def _plain(container: Any) -> dict[str, Any]:
    """Without the sections that were left empty (``monitor:`` and nothing below): these are the defaults."""
    assert isinstance(container, dict)
    empty = {
        key for key in (*SECTIONS, "params", "env", "data") if key in container and container[key] is None
    }
    return {str(key): value for key, value in container.items() if key not in empty}


def _resolve(raw: dict[str, Any], places: Places) -> dict[str, Any]:
    """Defaults below, then every ``${…}`` replaced. Defaults can be referred to as well."""
    merged: DictConfig | None = None
    grown = too_long(raw)
    if grown is not None:
        raise places.error(grown, f"grows to more than {MOST >> 20} MiB of text by its references")
    try:
        merged = OmegaConf.create(_over_defaults(raw))
        for key in ("command", "args"):
            _check_references(raw.get(key), key, merged, places)
        resolved = OmegaConf.to_container(merged, resolve=True)
    except OmegaConfBaseException as error:
        raise _interpolation_error(error, merged, places) from None
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}


def _over_defaults(raw: dict[str, Any]) -> dict[str, Any]:
    """Sections are merged key by key; a value of a wrong type stays, for the schema check to name."""
    merged: dict[str, Any] = msgspec.to_builtins(Config())
    for key, value in raw.items():
        if key in SECTIONS and isinstance(value, dict):
            value = {**merged[key], **value}
        merged[key] = value
    return merged


def _check_references(value: Any, key: str, merged: DictConfig, places: Places) -> None:
    """A ``${seed}`` without a value would silently become the text "None" in a command line."""
    parts = value if isinstance(value, list) else [value]
    for index, part in enumerate(parts):
        for name in _REFERENCE.findall(part) if isinstance(part, str) else ():
            value_there = OmegaConf.select(merged, name, default=_ABSENT)
            at = f"{key}[{index}]" if isinstance(value, list) else key
            if value_there is _ABSENT:
                raise places.error(at, f"${{{name}}} refers to nothing", _nearest_value(name, merged))
            if value_there is None:
                raise places.error(at, f"${{{name}}} has no value", f"set {name}, or leave it out here")


def _nearest_value(name: str, merged: DictConfig) -> str:
    """A hint: the likeliest of the keys that have a value."""
    keys = sorted(_leaves(OmegaConf.to_container(merged, resolve=False)))
    close = difflib.get_close_matches(name, keys, n=1, cutoff=0.6)
    if close:
        return f"did you mean ${{{close[0]}}}?"
    params = [key for key in keys if key.startswith("params.")]
    return f"set {name}; there are {', '.join(params[:12])}" if params else f"set {name}"


def _interpolation_error(
    error: OmegaConfBaseException, merged: DictConfig | None, places: Places
) -> UserError:
    key = str(getattr(error, "full_key", None) or "")
    missing = _MISSING_KEY.search(str(error))
    if missing and merged is not None:
        problem, hint = f"${{{missing[1]}}} refers to nothing", _nearest_value(missing[1], merged)
    else:
        problem, hint = first_line(error), r"to write a literal ${ use \${"
    return places.error(key, problem, hint) if key else UserError(f"{places.of('')}: {problem}", hint=hint)


def _leaves(container: Any, prefix: str = "") -> set[str]:
    if not isinstance(container, dict) or not container:
        return {prefix}
    return {
        leaf
        for key, value in container.items()
        for leaf in _leaves(value, f"{prefix}.{key}" if prefix else str(key))
    }


def _origins(effective: dict[str, Any], from_file: set[str], typed: dict[str, str]) -> dict[str, Origin]:
    overridden = {".".join(split_key(key)) for key in typed}
    origins: dict[str, Origin] = {}
    for leaf in sorted(_leaves(effective)):
        lineage = [leaf]
        while "." in lineage[-1]:
            lineage.append(lineage[-1].rpartition(".")[0])
        if any(key in overridden for key in lineage) or any(o.startswith(f"{leaf}.") for o in overridden):
            origins[leaf] = "override"
        else:
            origins[leaf] = "file" if leaf in from_file else "default"
    return origins


def _named(loaded: Loaded, name: str) -> Loaded:
    """With a name derived from the source; its origin stays "default"."""
    config = msgspec.structs.replace(loaded.config, name=name)
    return loaded._replace(config=config, effective={**loaded.effective, "name": name})


def _name_of(path: Path) -> str:
    stem = path.stem
    folder = path.resolve().parent.name
    return folder if stem in _BARE_NAMES and folder else stem


_LAUNCHERS: Final = frozenset((MODULE, "torchrun", "accelerate", "deepspeed"))


def _name_of_command(argv: Sequence[str]) -> str:
    """The script's name where there is one (``python src/train.py`` -> train), else the program's."""
    launched = any(Path(part).name in _LAUNCHERS for part in argv[:4])  # with any number of options
    for part in argv if launched else argv[:6]:
        if part.endswith((".py", ".sh")):
            return Path(part).stem
    if "-m" in argv[:4] and argv.index("-m") + 1 < len(argv):
        return argv[argv.index("-m") + 1].rpartition(".")[2]
    return Path(argv[0]).name
