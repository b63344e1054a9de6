"""The Python stacks that a supervisor saved of a run's processes, as `guard show` names them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from guardrun.events.untrusted import names_inside

if TYPE_CHECKING:
    from guardrun.events.paths import RunPaths

_NAME: Final = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\.rank\d{1,6}\.txt", re.ASCII)
_MOST: Final = 1000


def saved_stacks(paths: RunPaths) -> list[str]:
    """``stacks/<time>.rank<k>.txt`` below the run directory, the oldest first; the newest thousand.

    Regular files in a real folder alone: a link in the place of either leads out of the run.
    """
    try:
        names = names_inside(paths.stacks, regular=True)
    except OSError:
        return []
    return [f"stacks/{name}" for name in sorted(filter(_NAME.fullmatch, names))[-_MOST:]]
