"""Runs that are followed together and belong to one group are judged beside each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from guardrun.following.group_curves import MOST_SIBLINGS
from guardrun.following.run_follower import RunFollower
from guardrun.provenance.recipes import recipe_of
from guardrun.signals.siblings import Sibling

EVERY_S: Final = 10.0


class SideBySide:
    """Hands each run that its follower judges the curves of the group's other runs, now and then.

    Runs under a supervisor are left alone: that looks at its group itself, and its word is recorded.
    """

    def __init__(self) -> None:
        self._due = float("-inf")

    def turn(self, followers: Mapping[Path, RunFollower], now: float) -> set[Path]:
        """At most every ten seconds, and only once everything that was there has been read.

        Returns the runs that must be polled because they are judged anew.
        """
        if now < self._due or not all(follower.caught_up for follower in followers.values()):
            return set()
        self._due = now + EVERY_S
        groups: dict[tuple[Path, str], list[RunFollower]] = defaultdict(list)
        for path, follower in followers.items():
            if follower.group is not None:
                groups[path.parent, follower.group].append(follower)
        return {path for members in groups.values() for path in _compare(members[-MOST_SIBLINGS:])}


def _compare(members: list[RunFollower]) -> Iterator[Path]:
    if not any(member.judged for member in members):
        return
    recipes = {member.path: recipe_of(member.launch) for member in members}
    drawn: dict[tuple[str, str], list[Sibling]] = {}
    for judged in members:
        settings = judged.settings()
        if not judged.judged or settings.monitor is None:
            continue
        key = (settings.monitor, settings.mode)
        if key not in drawn:
            drawn[key] = [_curve(member, *key) for member in members]
        others = tuple(
            replace(curve, twin=recipes[member.path] == recipes[judged.path])
            for member, curve in zip(members, drawn[key], strict=True)
            if member is not judged
        )
        if judged.compare_with(others):
            yield judged.path


def _curve(member: RunFollower, monitor: str, mode: str) -> Sibling:
    evaluations = member.evaluations(monitor)
    return Sibling.of(member.path.name, evaluations, mode=mode, total=member.total_steps, over=member.over)
