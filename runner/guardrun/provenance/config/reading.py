"""A configuration file and overrides as one plain mapping, interpolations still unresolved."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from guardrun.errors import UserError
from guardrun.provenance.config.model import FREE_SECTIONS, SECTIONS, Config
from guardrun.provenance.config.places import Places, split_key

_MAX_BYTES = 4 * 1024 * 1024
_KEY = re.compile(r"[A-Za-z_][\w/-]*(?:\.[\w/-]+|\[\d+\])*")


def read_text(path: Path) -> str:
    """The text of a configuration file. Raises UserError: missing, a folder, unreadable, not UTF-8."""
    try:
        # Bounded, as a pipe (`<(generate)`) or a device tells no size.
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise UserError(f"{path} is too large to be a configuration (over {_MAX_BYTES >> 20} MiB)")
        return content.decode("utf-8")
    except FileNotFoundError:
        raise UserError(
            f"there is no configuration file {path}",
            hint="to run a command without a configuration: guard run -- python train.py …",
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start})") from None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None


def parse_text(text: str, file: str) -> DictConfig:
    """YAML text as an OmegaConf mapping. Raises UserError with the line."""
    if not text.strip():
        raise UserError(f"{file} is empty", hint="it needs at least `entry: train.py` or `command: …`")
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            raise UserError(f"{file} holds nothing but comments", hint="it needs at least `entry: train.py`")
        if not isinstance(node, yaml.MappingNode):
            kind = "a list" if isinstance(node, yaml.SequenceNode) else "plain text"
            raise UserError(
                f"{file} is {kind}, not a mapping",
                hint="a configuration is made of lines like `entry: train.py`",
            )
        parsed = OmegaConf.create(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{file}, line {mark.line + 1}, column {mark.column + 1}" if mark else file
        raise UserError(f"{where}: not valid YAML: {error.problem}", hint=_yaml_hint(error)) from None
    except RecursionError:
        raise UserError(f"{file} is nested too deeply to be a configuration") from None
    except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
        raise UserError(f"{file}: not valid YAML: {first_line(error)}") from None
    assert isinstance(parsed, DictConfig)
    return parsed


def _yaml_hint(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or ""
    if "duplicate key" in problem:
        return "each key may be written once"
    if "cannot start any token" in problem:
        return "indent with spaces, not tabs; quote values that start with %, @ or `"
    if "mapping values are not allowed" in problem:
        return "a value with `: ` in it needs quotes"
    return ""


def first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]


def literal(text: str) -> str:
    """``text`` such that OmegaConf takes a ``${`` in it as it stands, not as an interpolation."""
    return re.sub(r"(\\*)\$\{", lambda match: f"{match[1] * 2}\\${{", text)


def split_override(typed: str) -> tuple[str, str]:
    """``params.lr=0.1`` -> ("params.lr", "0.1"). Raises UserError when it is not KEY=VALUE."""
    key, equals, value = typed.partition("=")
    key = key.strip()
    if not equals:
        raise UserError(
            f"override {typed!r} is not KEY=VALUE",
            hint="one configuration file, then overrides like params.lr=0.1; a command goes behind `--`",
        )
    if not _KEY.fullmatch(key):
        raise UserError(f"override {typed!r}: {key!r} is not a key", hint="for example params.lr=0.1")
    return key, value


def parse_value(typed: str, text: str) -> Any:
    """The value of an override, read as YAML (3e-4 is a number), or UserError."""
    if not text.strip():
        return None
    try:
        # Through a one-key mapping: OmegaConf's YAML reader, not PyYAML's, knows that 3e-4 is a number.
        value = OmegaConf.create(f"value: {text}")
    except (yaml.YAMLError, OmegaConfBaseException, ValueError) as error:
        problem = getattr(error, "problem", None) or first_line(error)
        raise UserError(
            f"override {typed!r}: the value is not valid YAML: {problem}", hint="quote it"
        ) from None
    found = value if isinstance(value, DictConfig) else OmegaConf.create({})
    if list(found) != ["value"]:
        raise UserError(f"override {typed!r}: the value is not one value", hint="quote it")
    return OmegaConf.to_container(found, resolve=False)["value"]


def apply_overrides(raw: DictConfig, overrides: list[str], places: Places) -> DictConfig:
    """``raw`` with every KEY=VALUE applied, in order. Raises UserError for keys that do not exist."""
    OmegaConf.set_struct(raw, False)
    for typed in overrides:
        key, text = split_override(typed)
        _check_key(key, places)
        value = parse_value(typed, text)
        try:
            OmegaConf.update(raw, key, value, merge=True, force_add=True)
        except (OmegaConfBaseException, TypeError, ValueError, IndexError) as error:
            raise UserError(f"override {typed!r}: {first_line(error)}") from None
    return raw


def _check_key(key: str, places: Places) -> None:
    parts = split_key(key)
    if parts[0] not in Config.__struct_encode_fields__:
        raise places.unknown(key)
    if parts[0] in FREE_SECTIONS or len(parts) == 1:
        return
    section = SECTIONS.get(parts[0])
    if section is not None and (len(parts) > 2 or parts[1] not in section.__struct_encode_fields__):
        raise places.unknown(key)
    if section is None and not (parts[0] in ("args", "command") and parts[1].isdigit()):
        raise places.error(key, f"{parts[0]} has no keys of its own")


def check_keys(raw: Any, places: Places) -> None:
    """Every key of the configuration exists. Raises UserError for the first that does not."""
    for key, value in raw.items():
        if not isinstance(key, str) or key not in Config.__struct_encode_fields__:
            raise places.unknown(str(key))
        section = SECTIONS.get(key)
        if section is None or not isinstance(value, dict):
            continue
        for sub in value:
            if not isinstance(sub, str) or sub not in section.__struct_encode_fields__:
                raise places.unknown(f"{key}.{sub}")
