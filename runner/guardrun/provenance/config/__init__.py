"""The configuration of a training: YAML and KEY=VALUE in, one validated effective configuration out."""

from __future__ import annotations

from guardrun.provenance.config.dump import config_yaml
from guardrun.provenance.config.durations import format_duration, parse_duration
from guardrun.provenance.config.load import Loaded, config_from_command, config_from_earlier, load_config
from guardrun.provenance.config.model import Config

__all__ = [
    "Config",
    "Loaded",
    "config_from_command",
    "config_from_earlier",
    "config_yaml",
    "format_duration",
    "load_config",
    "parse_duration",
]
