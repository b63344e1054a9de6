"""Values as people write them, made the one form that the effective configuration has."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from typing import Any

from guardrun.events.names import canonical_metric
from guardrun.provenance.config.durations import parse_duration
from guardrun.provenance.config.places import Places
from guardrun.provenance.slurm import seconds_of

_DURATIONS = (("budget", "time"), ("stop", "grace"), ("stop", "hang"), ("check", "time"),
              ("slurm", "warning"))  # fmt: skip
_WHOLE = (
    ("checkpoint", "every_steps"), ("checkpoint", "every_epochs"), ("checkpoint", "keep"),
    ("check", "steps"), ("check", "tokens"), ("stop", "patience"), ("budget", "steps"), ("budget", "epochs"),
    ("", "seed"), ("", "nproc_per_node"), ("", "nnodes"), ("", "max_restarts"),
    ("slurm", "cpus_per_task"),
)  # fmt: skip
_SHELL = frozenset(("|", "||", "&", "&&", ";", ">", ">>", "<", "2>&1"))
_MAX_WORDS = ("acc", "f1", "auc", "bleu", "rouge", "precision", "recall", "map", "iou", "r2", "dice", "psnr",
              "ssim", "reward", "score", "top1", "top5", "correlation", "return")  # fmt: skip
_MIN_WORDS = ("loss", "err", "error", "perplexity", "ppl", "nll", "mse", "rmse", "mae", "wer", "cer", "fid",
              "bpc", "bpb", "entropy", "distance", "divergence", "kl")  # fmt: skip


def normalise(config: dict[str, Any], places: Places) -> dict[str, Any]:
    """Durations as seconds, ``off`` as a word, 1e5 as a whole number, commands as lists of text.

    Raises UserError where a value can't be read that way; other types are left to the schema check.
    """
    for section, key in _DURATIONS:
        _duration(config, section, key, places)
    for section, key in _WHOLE:
        holder = config.get(section) if section else config
        if isinstance(holder, dict) and type(holder.get(key)) is float and holder[key].is_integer():
            holder[key] = int(holder[key])
    for key in ("name", "group"):
        config[key] = _text(config.get(key))
    if config.get("name") is None:
        config["name"] = ""
    if config.get("launcher") is None:
        config["launcher"] = "none"
    _time_limit(config.get("slurm"), places)
    _policy(config.get("policy"), places)
    _commands(config, places)
    for key in ("env", "data"):
        if isinstance(config.get(key), dict):
            config[key] = {str(name): _text(value) for name, value in config[key].items()}
            for name, value in config[key].items():
                if not isinstance(value, str):
                    raise places.error(f"{key}.{name}", f"expected text, found {value!r}")
    _monitor(config.get("monitor"), places)
    config["params"] = _json_ready(config.get("params"), "params", places)
    return config


def _duration(config: dict[str, Any], section: str, key: str, places: Places) -> None:
    holder = config.get(section)
    if not isinstance(holder, dict) or holder.get(key) is None:
        return
    try:
        holder[key] = parse_duration(holder[key])
    except ValueError as error:
        raise places.error(f"{section}.{key}", f"{error}, found {holder[key]!r}") from None


def _time_limit(section: Any, places: Places) -> None:
    """``slurm.time`` in seconds. A bare number is minutes to Slurm and seconds to guard: refused."""
    if not isinstance(section, dict) or section.get("time") is None:
        return
    given = section["time"]
    try:
        if not isinstance(given, str) or given.strip().isdigit():
            raise ValueError("needs a unit")
        told = seconds_of(given)
        section["time"] = parse_duration(given) if told is None else told
    except ValueError:
        raise places.error(
            "slurm.time", f"needs its units, found {given!r}", 'for example 90m, 2h, 1d12h or "1-12:00:00"'
        ) from None


def _text(value: Any) -> Any:
    """Numbers and booleans as they would be typed; everything else is left to the schema check."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value


def _policy(policy: Any, places: Places) -> None:
    if not isinstance(policy, dict):
        return
    for signal, action in policy.items():
        if action is False:  # YAML 1.1 reads a bare `off` (and `no`) as false
            policy[signal] = "off"
        elif action is True:
            raise places.error(
                f"policy.{signal}", "`on` says nothing about what to do",
                "one of: off, observe, warn, stop, abort",
            )  # fmt: skip


def _commands(config: dict[str, Any], places: Places) -> None:
    command = config.get("command")
    if isinstance(command, str):
        config["command"] = _split(command, places)
    for key in ("command", "args"):
        parts = config.get(key)
        if key == "args" and parts is None:
            config[key] = []
        if isinstance(parts, str) and key == "args":
            config[key] = parts = _split(parts, places, key)
        if isinstance(parts, list):
            config[key] = [_text(part) for part in parts]
            for index, part in enumerate(config[key]):
                if part is None:
                    raise places.error(f"{key}[{index}]", "is empty (null); an argument is text")


def _split(text: str, places: Places, key: str = "command") -> list[str]:
    try:
        parts = shlex.split(text)
    except ValueError as error:
        raise places.error(key, f"{str(error).lower()} in {text!r}") from None
    operators = [part for part in parts if part in _SHELL]
    if operators:
        raise places.error(
            key, f"{operators[0]!r} needs a shell, and guard starts the command without one",
            f'write it as [sh, -c, "{text}"], or put it into a script',
        )  # fmt: skip
    return parts


def _monitor(monitor: Any, places: Places) -> None:
    """The stored name of the metric, and the mode that its name tells."""
    if not isinstance(monitor, dict) or not isinstance(monitor.get("metric"), str):
        return
    monitor["metric"] = canonical_metric(monitor["metric"].strip())
    if monitor.get("mode") is None:
        monitor["mode"] = mode_of(monitor["metric"])
    if monitor["mode"] is None:
        raise places.error(
            "monitor.metric",
            f"the name {monitor['metric']!r} does not tell whether less or more is better",
            "add mode: min or mode: max below monitor",
        )


def mode_of(metric: str) -> str | None:
    """``min`` or ``max`` where the name tells which is better, else None.

    >>> [mode_of(name) for name in ("val/loss", "val/accuracy", "val/f1_macro", "val/xyz")]
    ['min', 'max', 'max', None]
    """
    words = metric.lower().replace("/", "_").replace("-", "_").replace(".", "_").replace("@", "_").split("_")
    if any(word in _MIN_WORDS or word.endswith(("loss", "error")) for word in words):
        return "min"
    if any(word in _MAX_WORDS or word.startswith(("acc", "auc", "map", "auroc")) for word in words):
        return "max"
    return None


def _json_ready(value: Any, key: str, places: Places) -> Any:
    """Params as JSON can hold them: text keys, finite numbers. The training reads them from JSON."""
    if isinstance(value, Mapping):
        ready = {}
        for name, inner in value.items():
            if isinstance(name, bool):
                raise places.error(key, f"YAML reads a bare on/off/yes/no key as {name}; put it in quotes")
            ready[str(name)] = _json_ready(inner, f"{key}.{name}", places)
        return ready
    if isinstance(value, list):
        return [_json_ready(inner, f"{key}[{index}]", places) for index, inner in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise places.error(key, f"{value} can't be kept in JSON", "use null, or a large number")
    return {} if value is None and key == "params" else value
