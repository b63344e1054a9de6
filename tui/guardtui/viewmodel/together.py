"""Several runs on one screen: which of them are drawn, in what colours, put together by what. Pure.

A colour stays with its run while others come, go and are switched on and off.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from string import ascii_uppercase
from typing import Any, Final, Literal

from guardrun.provenance.recipes import recipe_of, tells_a_recipe
from guardtui.snapshot import RunView
from guardtui.viewmodel.chart_groups import RUN_COLORS, run_color

Band = Literal["lines", "band", "both"]
"""Each run a line; repeats of one configuration as mean ± std; the same with their runs behind it."""
BANDS: Final[tuple[Band, ...]] = ("band", "both", "lines")
MOST_COLORS: Final = len(RUN_COLORS)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the legend: a run, a group of repeats, or a run of the group above it."""

    kind: Literal["run", "group", "member"]
    key: Hashable
    views: tuple[RunView, ...]
    """One; of a group all its runs."""
    on: tuple[RunView, ...]
    """Those of them that are switched on."""
    color: str
    """A role of the palette; "": there were no more."""
    letter: str
    """What it is called on the charts; "" without a colour, and within a group."""

    @property
    def role(self) -> str:
        """The style of its sample; "": that of text."""
        if not self.color or not self.on:
            return ""
        return f"{self.color}:dim" if self.kind == "member" else self.color


class Roster:
    """The runs of one screen. ``rows`` tells what there is of them now."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self.paths = tuple(dict.fromkeys(paths))
        self.off: frozenset[Path] = frozenset()
        self.wished: Band | None = None
        """What the person chose; None: by itself."""
        self._slots: dict[Hashable, int] = {}
        """Of the lines that were drawn last."""
        self._others: dict[Hashable, int] = {}
        """Those of groups while each run is a line, and the other way round."""
        self._grouped = False
        self._recipes: dict[Path, tuple[object, str]] = {}

    def views(self, by_path: Mapping[Path, RunView]) -> tuple[RunView, ...]:
        """The runs that are there, in the order in which they were selected."""
        return tuple(by_path[path] for path in self.paths if path in by_path)

    def groups(self, views: Sequence[RunView]) -> dict[str, tuple[RunView, ...]]:
        """Runs by their configuration without the seed."""
        found: dict[str, list[RunView]] = {}
        for view in views:
            found.setdefault(self._recipe(view), []).append(view)
        return {recipe: tuple(members) for recipe, members in found.items()}

    def band(self, views: Sequence[RunView]) -> Band:
        """By itself a mean ± std where some differ in nothing but the seed."""
        several = [group for group in self.groups(views).values() if len(group) > 1]
        if not several:
            return "lines"
        if self.wished is not None:
            return self.wished
        return "band" if any(len({seed_of(view) for view in group}) > 1 for group in several) else "lines"

    def rows(self, views: Sequence[RunView]) -> tuple[Row, ...]:
        """The lines of the legend, in the order of the selection; a group stands where its first run does."""
        if self.band(views) == "lines":
            parts: list[tuple[Hashable, tuple[RunView, ...]]] = [(view.path, (view,)) for view in views]
        else:
            groups = self.groups(views)
            parts = [(key if len(group) > 1 else group[0].path, group) for key, group in groups.items()]
        grouped = any(len(part) > 1 for _, part in parts)
        if grouped != self._grouped:
            self._grouped, self._slots, self._others = grouped, self._others, self._slots
        self._hand_out([key for key, part in parts if self._on(part)])
        return tuple(row for key, part in parts for row in self._rows_of(key, part))

    def _rows_of(self, key: Hashable, part: tuple[RunView, ...]) -> list[Row]:
        slot = self._slots.get(key)
        color = "" if slot is None else run_color(slot)
        letter = "" if slot is None else ascii_uppercase[slot]
        if len(part) == 1:
            return [Row("run", key, part, self._on(part), color, letter)]
        members = [Row("member", view.path, (view,), self._on((view,)), color, "") for view in part]
        return [Row("group", key, part, self._on(part), color, letter), *members]

    def _on(self, part: Sequence[RunView]) -> tuple[RunView, ...]:
        return tuple(view for view in part if view.path not in self.off)

    def _hand_out(self, wanted: Sequence[Hashable]) -> None:
        """A colour for each, as long as there are some; what is switched off or gone keeps its own until
        somebody else needs it."""
        used = set(wanted)
        for key in wanted:
            if key in self._slots:
                continue
            free = [slot for slot in range(MOST_COLORS) if slot not in self._slots.values()]
            idle = [other for other in self._slots if other not in used]
            if free:
                self._slots[key] = free[0]
            elif idle:
                self._slots[key] = self._slots.pop(idle[0])
            else:
                return

    def switch(self, paths: Collection[Path]) -> None:
        """Off, if any of them is on; else on."""
        gone = frozenset(paths)
        self.off = self.off - gone if gone <= self.off else self.off | gone

    def solo(self, paths: Collection[Path]) -> None:
        """These alone; when that is so already, all."""
        others = frozenset(self.paths) - frozenset(paths)
        self.off = frozenset() if self.off == others else others

    def next_band(self, views: Sequence[RunView]) -> bool:
        """The next way to draw repeats; False when there are none."""
        if not any(len(group) > 1 for group in self.groups(views).values()):
            return False
        now = self.band(views)
        self.wished = BANDS[(BANDS.index(now) + 1) % len(BANDS)]
        return True

    def _recipe(self, view: RunView) -> str:
        state = view.state
        kept = self._recipes.get(view.path)
        if kept is not None and kept[0] is state.config:
            return kept[1]
        command = list(state.command)
        if command:
            # Two environments' Pythons make no two configurations.
            command[0] = PurePath(command[0]).name
        launch: dict[str, Any] = {"config": state.config, "command": command}
        told = recipe_of(launch) if tells_a_recipe(launch) else f"unknown: {view.path}"
        self._recipes[view.path] = (state.config, told)
        return told


def seed_of(view: RunView) -> Any:
    """The seed that the training used, else the configured one; None where neither is known."""
    seed = view.state.seeds.get("seed")
    return seed if seed is not None else view.state.config.get("seed")
