"""Types, choices and combinations: what a configuration may say, and errors in a user's words."""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

from guardrun.errors import UserError
from guardrun.provenance.config.model import SECTIONS, Config
from guardrun.provenance.config.places import Places, split_key


def convert(resolved: dict[str, Any], places: Places) -> Config:
    """The configuration as structs. Raises UserError in a user's words for a value of a wrong type."""
    try:
        return msgspec.convert(resolved, Config)
    except msgspec.ValidationError as error:
        problem, _, at = str(error).partition(" - at `$")
        key = at.rstrip("`").lstrip(".") or "configuration"
        if "[...]" in key:
            key = key.replace(".[...]", "").replace("[...]", "")
        found = _dig(resolved, key)
        problem = _in_words(problem)
        if found is not None and "found" not in problem:
            problem += f", found {_shown(found)}"
        raise places.error(key, problem, _allowed(key)) from None


_WORDS = {
    "int": "a whole number", "float": "a number", "str": "text", "bool": "true or false",
    "object": "a mapping", "array": "a list", "null": "null",
}  # fmt: skip


def _in_words(problem: str) -> str:
    """msgspec's "Expected `int | null`, got `str`" in a user's words."""
    problem = problem.partition(", got ")[0]
    problem = re.sub(
        r"`([a-z| ]+)`", lambda m: " or ".join(_WORDS.get(w, w) for w in m[1].split(" | ")), problem
    )
    if problem.startswith("Invalid enum value"):
        return "no such choice"
    return problem[:1].lower() + problem[1:]


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _dig(config: Any, key: str) -> Any:
    for part in split_key(key):
        if isinstance(config, dict):
            config = config.get(part)
        elif isinstance(config, list) and part.isdigit() and int(part) < len(config):
            config = config[int(part)]
        else:
            return None
    return config


def _allowed(key: str) -> str:
    """The choices of a key that has choices."""
    holder: type = Config
    for part in split_key(key):
        kind = {field.encode_name: field.type for field in msgspec.structs.fields(holder)}.get(part)
        if part in SECTIONS:
            holder = SECTIONS[part]
            continue
        choices = [str(choice) for choice in _choices(kind)]
        return f"one of: {', '.join(choices)}" if choices else ""
    return ""


def _choices(kind: Any) -> list[Any]:
    arguments = getattr(kind, "__args__", ())
    if getattr(kind, "__origin__", None) is Literal:
        return list(arguments)
    return [choice for inner in arguments for choice in _choices(inner)]


def _check_hosts(config: Config, places: Places) -> None:
    """Several hosts, and ranks that are started anew, are torchrun's business."""
    for key, given in (("nnodes", config.nnodes > 1), ("max_restarts", config.max_restarts > 0)):
        if given and config.launcher == "none":
            raise places.error(key, "needs `launcher: torchrun`, or `slurm`")
    if config.nnodes > 1 and config.rendezvous is None and config.launcher == "torchrun":
        raise places.error("nnodes", "several hosts need `rendezvous: HOST:PORT`, a port of one of them")
    if config.rendezvous is not None and not re.fullmatch(r"[^\s:]+:\d{1,5}", config.rendezvous):
        raise places.error("rendezvous", "is no HOST:PORT")
    if config.rendezvous is not None and config.nnodes == 1:
        raise places.error("rendezvous", "is for several hosts; say how many with `nnodes`")


def check_together(config: Config, places: Places) -> None:
    """Keys that need, or exclude, one another."""
    if (config.command is None) == (config.entry is None):
        problem = "needs `entry: train.py` or `command: …`" if config.command is None else (
            "has both `entry` and `command`; one of them starts the training"
        )  # fmt: skip
        raise UserError(f"{places.of('command')}: {problem}")
    if config.command == []:
        raise places.error("command", "is empty")
    if config.args and config.entry is None:
        raise places.error("args", "belongs to `entry`; a `command` holds its own arguments")
    if config.launcher == "torchrun" and config.entry is None:
        raise places.error("launcher", "torchrun starts an `entry`, not a `command`")
    if config.launcher == "slurm" and config.entry is None and config.nproc_per_node * config.nnodes > 1:
        raise places.error("launcher", "several ranks in a job are those of an `entry`, not a `command`")
    if config.nproc_per_node > 1 and config.launcher == "none":
        raise places.error("nproc_per_node", "several ranks need `launcher: torchrun`, or `slurm`")
    _check_hosts(config, places)
    if config.budget.cost is not None and not config.cost.per_hour:
        raise places.error("budget.cost", "a budget of money needs `cost: {per_hour: …}`")
