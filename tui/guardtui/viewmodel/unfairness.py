"""What several runs do not have alike: settings, and facts that make a comparison unfair. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from guardrun.state.values import table
from guardtui import formatting
from guardtui.snapshot import RunView
from guardtui.text import clean
from guardtui.viewmodel.config_apart import ABSENT, bare, keys_apart, settings_of, value_words
from guardtui.viewmodel.together import seed_of

Level = Literal["unfair", "note", "setting"]
_LONGEST: Final = 60
_BATCH: Final = ("batch", "accumulat", "precision", "dtype")
"""In the name of a setting: what a fair comparison keeps the same."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not the same everywhere."""

    what: str
    values: tuple[str | None, ...]
    """One a run, in the order of the runs; None where it was not recorded."""
    level: Level


def facts_apart(views: Sequence[RunView]) -> list[Difference]:
    """What the runs do not have alike beside their settings; what makes a comparison unfair first."""
    found = []
    for what, level, value in [*_data_facts(views), *_FACTS]:
        values = tuple(value(view) for view in views)
        if len({each for each in values if each is not None}) > 1:
            found.append(Difference(what, values, level))
    return sorted(found, key=lambda each: each.level != "unfair")


def settings_apart(views: Sequence[RunView]) -> list[Difference]:
    """Every setting that is not the same, defaults included."""
    settings = [settings_of(view.state.config) for view in views]
    return [
        Difference(
            bare(key),
            tuple(value_words(each.get(key, ABSENT), _LONGEST) for each in settings),
            "unfair" if _counts(key) else "setting",
        )
        for key in keys_apart(settings)
    ]


def unfair(views: Sequence[RunView]) -> list[str]:
    """In few words what makes a comparison of these runs unfair."""
    return [each.what for each in (*facts_apart(views), *settings_apart(views)) if each.level == "unfair"]


def _counts(key: str) -> bool:
    words = key.casefold()
    return words.startswith(("data.", "params.data.")) or any(word in words for word in _BATCH)


def _data_facts(views: Sequence[RunView]) -> list[tuple[str, Level, Callable[[RunView], str | None]]]:
    names = dict.fromkeys(str(event.get("name") or "") for view in views for event in view.state.data)
    return [(f"{clean(name) or 'unnamed'} data", "unfair", _data_of(name)) for name in names]


def _data_of(name: str) -> Callable[[RunView], str | None]:
    def told(view: RunView) -> str | None:
        mine = [event for event in view.state.data if str(event.get("name") or "") == name]
        if not mine:
            return None
        sha, count = mine[-1].get("sha256"), mine[-1].get("count")
        if isinstance(sha, str) and sha:
            return clean(sha[:10])
        return f"{count:,} examples" if isinstance(count, int) else None

    return told


def _commit(view: RunView) -> str | None:
    commit = view.state.git.get("commit")
    if not isinstance(commit, str) or not commit:
        return None
    return clean(commit[:10]) + ("+changes" if view.state.git.get("dirty") is True else "")


def _precision(view: RunView) -> str | None:
    told = view.state.env.get("precision")
    return clean(told[:_LONGEST]) if isinstance(told, str) and told else None


def _monitor(view: RunView) -> str | None:
    monitor = view.state.monitor
    return f"{clean(monitor.name)} ({monitor.mode})" if monitor is not None else None


def _software(view: RunView) -> str | None:
    env = view.state.env
    torch = table(env.get("torch")).get("version") or env.get("torch")
    parts = (("Python", env.get("python")), ("torch", torch))
    told = [f"{name} {clean(value[:20])}" for name, value in parts if isinstance(value, str) and value]
    return ", ".join(told) or None


def _hardware(view: RunView) -> str | None:
    gpus = view.state.env.get("gpus")
    if isinstance(gpus, list) and gpus:
        return f"{len(gpus)} × {clean(str(gpus[0])[:_LONGEST])}"
    model = table(view.state.env.get("cpu")).get("model")
    return f"CPU {clean(model[:_LONGEST])}" if isinstance(model, str) and model else None


def _planned(view: RunView) -> str | None:
    return f"{view.state.total_steps:,}" if view.state.total_steps else None


def _seed(view: RunView) -> str | None:
    seed = seed_of(view)
    return None if seed is None else value_words(seed)


_FACTS: Final[tuple[tuple[str, Level, Callable[[RunView], str | None]], ...]] = (
    ("commit", "unfair", _commit),
    ("precision", "unfair", _precision),
    ("processes", "unfair", lambda view: str(view.state.ranks)),
    ("planned steps", "unfair", _planned),
    ("monitor", "unfair", _monitor),
    ("software", "unfair", _software),
    ("hardware", "note", _hardware),
    ("seed used", "note", _seed),
    ("steps trained", "note", lambda view: formatting.count(view.state.step)),
    ("attempts", "note", lambda view: str(view.state.attempt)),
)
