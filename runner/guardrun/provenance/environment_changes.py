"""What two recorded environments do not share, as far as it may change numbers (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_MOST_PACKAGES = 8


def environment_changes(was: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """``torch 2.12 → 2.13``, ``cpu: … → …``; what one of them does not know is left out."""
    return list(_changes(was, now))


def _changes(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    for label, key in (("python", "python"), ("operating system", "os"), ("driver", "nvidia_driver")):
        yield from _change(label, was.get(key), now.get(key))
    cpus = [_table(one.get("cpu")) for one in (was, now)]
    yield from _change("cpu", cpus[0].get("model"), cpus[1].get("model"))
    yield from _change("usable cpus", cpus[0].get("usable"), cpus[1].get("usable"))
    yield from _change("gpus", _gpus(was), _gpus(now))
    torches = [_table(one.get("torch")) for one in (was, now)]
    for part in ("cuda", "cudnn"):
        yield from _change(part, torches[0].get(part), torches[1].get(part))
    yield from _packages(_table(was.get("packages")), _table(now.get("packages")))
    variables = [_table(one.get("variables")) for one in (was, now)]
    for name in sorted(variables[0].keys() | variables[1].keys()):
        before, after = variables[0].get(name, "unset"), variables[1].get(name, "unset")
        if before != after:
            yield f"{name}: {before} → {after}"


def _packages(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    if not was or not now:
        return
    changed = [
        f"{name} {was.get(name, 'missing')} → {now.get(name, 'missing')}"
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    ]
    # Those that compute come first.
    changed.sort(key=lambda text: not text.startswith(("torch", "numpy", "scipy", "scikit-learn", "nvidia")))
    yield from changed[:_MOST_PACKAGES]
    if len(changed) > _MOST_PACKAGES:
        yield f"{len(changed) - _MOST_PACKAGES} more packages"


def _change(label: str, was: Any, now: Any) -> Iterator[str]:
    if was != now and was not in (None, "") and now not in (None, ""):
        yield f"{label}: {was} → {now}"


def _gpus(environment: Mapping[str, Any]) -> str:
    found = environment.get("gpus")
    names = [str(_table(gpu).get("name")) for gpu in found] if isinstance(found, list) else []
    return ", ".join(names) or "none"


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
