"""What several runs are called beside each other, and how they differ. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from guardrun.provenance.recipes import is_seed
from guardtui.snapshot import RunView
from guardtui.text import clean
from guardtui.viewmodel.config_apart import changes_training, differing_words, keys_apart, settings_of
from guardtui.viewmodel.unfairness import unfair


class Comparison:
    """Kept by a screen; ``of`` is cheap while the runs stay what they are."""

    def __init__(self) -> None:
        self._stamp: tuple[Any, ...] | None = None
        self.names: Mapping[Path, str] = {}
        """What each run is called."""
        self.differs: Mapping[Path, Mapping[str, str]] = {}
        """Of each run its settings in which not all are the same: key -> ``lr=3e-4``."""
        self.unfair: Sequence[str] = ()
        """What makes a comparison unfair, in few words."""

    def of(self, views: Sequence[RunView]) -> None:
        """Compare these runs."""
        stamp = tuple(_compared(view) for view in views)
        if stamp != self._stamp:
            self._stamp = stamp
            self.names = run_names(views)
            self.differs = differences(views)
            self.unfair = unfair(views)


def _compared(view: RunView) -> tuple[Any, ...]:
    """All of a run that is compared."""
    state = view.state
    monitor = state.monitor and (state.monitor.name, state.monitor.mode)
    return (
        view.path, state.name, state.config, state.data, state.git, state.env, state.seeds, state.ranks,
        state.total_steps, monitor,
    )  # fmt: skip


def run_names(views: Sequence[RunView]) -> dict[Path, str]:
    """What each run is called; runs of one name get the end of their folder's."""
    plain = [clean(view.state.name) or clean(view.path.name) for view in views]
    return {
        view.path: name if plain.count(name) == 1 else f"{name} {clean(view.path.name)[-4:]}"
        for view, name in zip(views, plain, strict=True)
    }


def differences(views: Sequence[RunView]) -> dict[Path, dict[str, str]]:
    """Of each run the settings in which not all are the same: key -> ``lr=3e-4``. Those that change nothing
    of the training are told only where there are no others."""
    settings = [settings_of(view.state.config) for view in views]
    keys = keys_apart(settings)
    keys = [key for key in keys if changes_training(key)] or keys
    # What has most values tells most.
    values = {key: len({repr(each.get(key)) for each in settings}) for key in keys}
    keys.sort(key=lambda key: (is_seed(key), not key.startswith("params."), -values[key]))
    return {
        view.path: {key: differing_words(setting, (key,)) for key in keys if key in setting}
        for view, setting in zip(views, settings, strict=True)
    }
