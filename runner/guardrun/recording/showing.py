"""A run that shows itself in a notebook: as a cell's result, or below the cell while it trains."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING, Any, cast

from guardrun.recording.cells import in_notebook
from guardrun.recording.session import brief, say

if TYPE_CHECKING:
    from pathlib import Path

    from guardrun.following.run_follower import RunFollower
    from guardrun.recording.run import Run

_LEAST_S = 0.5
_PATIENCE_S = 2.0
"""For reading a long log; what is left is read when the page is drawn next."""


class Shown:
    """What a notebook's display asks of a run."""

    _page: Page | None = None

    def show(self, every: float = 2.0) -> None:
        """In a notebook: the run and its curves below this cell, drawn anew every so many seconds until the
        run ends. ``run`` as a cell's last line shows them as they are now.
        """
        page = self._own_page()
        if page is None or not in_notebook():
            path = cast("Run", self).path
            say(f"run.show() is for notebooks; here: guard watch {path}" if path else "nothing is recorded")
            return
        page.show(max(_LEAST_S, every))

    def _repr_html_(self) -> str | None:
        page = self._own_page()
        return None if page is None else page.html()

    def _own_page(self) -> Page | None:
        path = cast("Run", self).path
        if self._page is None and path is not None:
            self._page = Page(path)
        return self._page


class Page:
    """A run's picture, made from its files: what a dashboard sees. Nothing here stops a training."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._follower: RunFollower | None = None
        self._shown: Any = None
        """The handle of what is drawn anew."""
        self._thread: threading.Thread | None = None
        self._over = False

    def html(self) -> str | None:
        """The page as it is now; None, and told, where it can't be made."""
        try:
            with self._lock:
                return self._drawn()
        except Exception as error:
            say(f"the run can't be shown: {type(error).__name__}: {brief(error)}")
            return None

    def show(self, every: float) -> None:
        """Below the present cell, and from there on every so many seconds; what was shown before stays."""
        display = sys.modules["IPython"].display
        self._shown = display.display(display.HTML(self.html() or ""), display_id=True)
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(
                target=self._refresh, args=(every,), name="guard-show", daemon=True
            )
            self._thread.start()

    def _refresh(self, every: float) -> None:
        pause = threading.Event()
        before = ""
        over = False
        while not over:
            pause.wait(every)
            over = self._over  # once more after the end: pointers to checkpoints are looked at less often
            html = self.html()
            if html is None:
                return
            if html != before and self._shown is not None:
                before = html
                self._shown.update(sys.modules["IPython"].display.HTML(html))

    def _drawn(self) -> str:
        from guardrun.following.run_follower import RunFollower
        from guardrun.recording.showing_page import drawn

        if self._follower is None:
            self._follower = RunFollower(self._path)
        self._follower.catch_up(_PATIENCE_S)
        self._over = self._follower.over
        return drawn(self._follower.state(), self._follower.series)
