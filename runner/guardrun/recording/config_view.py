"""The effective configuration as the training reads it: attributes or keys, read-only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

DEFAULTS: dict[str, Any] = {
    "name": "", "group": None, "seed": None, "deterministic": False, "params": {}, "data": {},
    "monitor": {"metric": "val/loss", "mode": "min"},
    "checkpoint": {"every_steps": None, "every_epochs": 1, "keep": 2, "async": False, "low_space": "warn"},
    "stop": {"patience": None, "min_delta": 0.0, "grace": 60.0, "hang": 300.0},
    "budget": {"time": None, "steps": None, "epochs": None, "cost": None},
    "policy": {},
    "efficiency": {"flops_per_step": None, "flops_per_token": None, "peak_flops": None},
    "resume": {"skip": "replay"},
    "access": {"private": True, "group": None},
}  # fmt: skip
"""What a run without a launcher goes by; `guard run` fills these and more from the config file."""

_LAUNCHER_ONLY = frozenset(
    (
        "command",
        "entry",
        "args",
        "workdir",
        "python",
        "env",
        "launcher",
        "nproc_per_node",
        "nnodes",
        "rendezvous",
        "max_restarts",
        "logs",
        "cost",
        "on_dirty",
    )
)


_OFF_BY_NONE = frozenset(("every_epochs",))
"""On by default, so that None is an answer of its own."""


class ConfigView(Mapping[str, Any]):
    """A read-only mapping whose keys are attributes too; inner mappings are views as well.

    >>> view = ConfigView({"params": {"lr": 0.1}})
    >>> view.params.lr, view["params"]["lr"]
    (0.1, 0.1)
    """

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_values", values)

    def __getitem__(self, key: str) -> Any:
        value = self._values[key]
        return ConfigView(value) if isinstance(value, dict) else value

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            if name.startswith("__"):
                raise AttributeError(name) from None
            known = ", ".join(map(str, self._values)) or "nothing"
            raise AttributeError(f"the configuration has no {name!r} here; it has {known}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"the configuration is read-only: {name} can't be set")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)

    def __reduce__(self) -> Any:
        return ConfigView, (self._values,)

    def to_dict(self) -> dict[str, Any]:
        """A deep copy as plain dictionaries, to be changed at will."""
        return {k: v.to_dict() if isinstance(v, ConfigView) else v for k, v in self.items()}


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``below`` with the values of ``above`` over it, section by section; None gives way to a value, except
    where it says that something is off."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if isinstance(value, Mapping) and isinstance(old, Mapping):
            merged[key] = merge(old, value)
        elif value is not None or key not in merged or key in _OFF_BY_NONE:
            merged[key] = merge({}, value) if isinstance(value, Mapping) else value
    return merged


def from_script(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """What ``start(config=...)`` was given, in sections: keys that name no section are parameters.

    So ``config={"lr": 0.1}`` and ``config={"params": {"lr": 0.1}}`` both give ``run.params.lr``.
    """
    sections: dict[str, Any] = {}
    params: dict[str, Any] = {}
    for key, value in (config or {}).items():
        if key in DEFAULTS or key in _LAUNCHER_ONLY:
            sections[key] = value
        else:
            params[str(key)] = value
    if params:
        sections["params"] = merge(sections.get("params") or {}, params)
    return sections
