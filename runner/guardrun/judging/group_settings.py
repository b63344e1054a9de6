"""A group in which the settings change together with the seed: meant as repeats, and none. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

_QUIET = ("policy.", "cost.", "checkpoint.", "resume.")
"""What changes no result."""
_OF_THE_TRAINING = ("params.", "data.", "env.")
"""Keys of the user's own; all others have a default, which a run of an earlier version may not tell."""


def change_with_seed(members: Iterable[tuple[Hashable, int | None]]) -> bool:
    """Whether of the members (recipe, seed) of one group no seed was run under two recipes.

    A sweep gives every setting the same seeds; where each has its own, nobody can tell which of the two made
    a difference.
    """
    seeds: dict[Hashable, set[int]] = {}
    for recipe, seed in members:
        if seed is not None:
            seeds.setdefault(recipe, set()).add(seed)
    return len(seeds) > 1 and sum(map(len, seeds.values())) == len(set[int]().union(*seeds.values()))


def keys_that_vary(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """The dotted keys, seeds and what changes no result left out, that are not alike in all."""
    keys = sorted({key for setting in settings for key in setting})
    return [
        key
        for key in keys
        if "seed" not in key
        and not key.startswith(_QUIET)
        and unlike(key, settings)
        and not all("seed" in repr(s.get(key)) for s in settings)
    ]


def unlike(key: str, settings: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the settings have several values of that key."""
    telling = [one for one in settings if key in one or key.startswith(_OF_THE_TRAINING)]
    return len({repr(one.get(key)) for one in telling}) > 1
