"""The effective configuration as YAML: what the run directory keeps as config.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml
from omegaconf import OmegaConf

from guardrun.provenance.config.load import Loaded
from guardrun.provenance.config.reading import literal


def config_yaml(loaded: Loaded, *, origins: bool = False) -> str:
    """Every key with its value, defaults included; loads again to the same effective configuration.

    With ``origins`` each value that did not come from the defaults says so in a comment.
    """
    written = _without_the_unset(loaded.effective)
    text: str = OmegaConf.to_yaml(OmegaConf.create(_literal(written)))
    if not origins:
        return text
    return "".join(f"{line}\n" for line in commented(text, loaded.origins))


def _without_the_unset(effective: dict[str, Any]) -> dict[str, Any]:
    """Neither an unset ``entry`` nor an unset ``command``: exactly one of them is written."""
    return {
        key: value for key, value in effective.items() if not (key in ("entry", "command") and value is None)
    }


def _literal(value: Any) -> Any:
    """Values are resolved; a ``${`` that is left in one is meant literally."""
    if isinstance(value, dict):
        return {key: _literal(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_literal(inner) for inner in value]
    return literal(value) if isinstance(value, str) else value


def commented(text: str, origins: Mapping[str, str]) -> list[str]:
    """Lines of YAML with ``# file``, ``# override`` or ``# script`` behind the keys whose values came from
    there."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    lines = text.splitlines()
    stack = [("", node)]
    while stack:
        prefix, mapping = stack.pop()
        if not isinstance(mapping, yaml.MappingNode):
            continue
        for key, value in mapping.value:
            dotted = f"{prefix}{key.value}"
            stack.append((f"{dotted}.", value))
            origin = origins.get(dotted, "default")
            one_line = key.start_mark.line == value.end_mark.line or isinstance(value, yaml.SequenceNode)
            if origin != "default" and one_line:
                lines[key.start_mark.line] += f"  # {origin}"
    return lines
