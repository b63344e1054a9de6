"""A log of another tool, followed where it lies: read, folded and judged as a run, and never written to."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from guardrun.events.schema import Event
from guardrun.following.catching_up import catch_up
from guardrun.following.console import ConsoleWindow
from guardrun.following.foreign_status import foreign_status
from guardrun.following.foreign_story import Story, same_start
from guardrun.following.saved import Saved
from guardrun.reading.foreign.live import LiveLines, LiveLog, Piece
from guardrun.reading.foreign.live_document import LiveDocument
from guardrun.reading.foreign.live_events import LiveEvents
from guardrun.reading.foreign.model import ForeignLog
from guardrun.reading.foreign.searching import FoundLog
from guardrun.series.store import SeriesStore
from guardrun.state.log_words import LOG
from guardrun.state.model import Facts, RunState
from guardrun.state.status import Verdict

_OLD_S: Final = 3600.0
"""A log whose file was not written for so long is looked at rarely."""
_MOST_FILES: Final = 50


class ForeignFollower:
    """The same for screens as a ``RunFollower``: no process of it is known, nothing can be asked of it.

    A log that is written anew is read aside, and replaces the former as a whole.
    """

    def __init__(self, found: FoundLog, judge: bool = True) -> None:
        self.path = found.key
        self.caught_up = False
        self.over = False
        """Whether it is enough to look at it rarely."""
        self._found = found
        self._judge_wanted = judge
        self._log = _opened(found)
        self._story = self._new_story()
        self._aside: Story | None = None
        self._grew: float | None = None
        self._longest_gap = 0.0
        self._growing = False

    @property
    def format(self) -> str:
        """In which format its log is."""
        return self._story.known.format or self._found.format

    def adopt(self, found: FoundLog) -> bool:
        """The search found it anew: other files, another name; whether anything changed."""
        if found == self._found:
            return False
        files = [*found.files]
        if found.kind != self._found.kind or not self._log.adopt(files):
            self._log, self._aside = _opened(found), self._new_story()
        self._found = found
        return True

    def poll(self, max_seconds: float = 0.05) -> bool:
        """Read and judge what is new, for about ``max_seconds``; whether anything changed."""
        deadline = time.monotonic() + max_seconds
        problem, changed, more = self._log.problem, False, False
        while self._log.changed():
            piece = self._log.read()
            changed |= self._take(piece)
            more = piece.more
            if time.monotonic() >= deadline and more:
                break
            if not (piece.rows or more):
                break
        if not more:
            changed |= self._read_all()
        if changed or self._story.behind or not self.caught_up:
            changed |= self._story.judge(deadline)
        caught_up = not more and not self._story.behind
        changed |= caught_up != self.caught_up or problem != self._log.problem
        self.caught_up = caught_up
        self.over = self._story.over or not self._is_recent()
        return changed

    def catch_up(self, max_seconds: float = float("inf")) -> bool:
        """Poll until everything is read; False when ``max_seconds`` were not enough."""
        return catch_up(self, max_seconds)

    def state(self, now: float | None = None) -> RunState:
        """The state now; ``now`` is the reader's wall time in unix seconds."""
        now = time.time() if now is None else now
        story = self._story
        silent = None if self._grew is None else time.monotonic() - self._grew
        notes = (f"{self._log.problem}",) if self._log.problem else ()
        state = story.state(
            Facts(silent_s=silent), self.launch, now, str(self.path), extra_notes=notes,
            extra_bad_lines=self._log.bad_lines,
        )  # fmt: skip
        ended = Verdict(state.status, state.reason) if story.over else None
        told = None if state.last_event_t is None else now - state.last_event_t
        verdict = foreign_status(ended, grew_s=silent, told_s=told, longest_gap=self._longest_gap)
        live = verdict.status.live
        reason = self._log.problem if self._log.problem and not story.rows else verdict.reason
        return replace(
            state, status=verdict.status, reason=reason, name=self._found.name, run_id=self._found.name,
            source=self.format, eta_s=state.eta_s if live else None,
            last_event_t=self._written() if state.last_event_t is None else state.last_event_t,
            phase="", error="",
        )  # fmt: skip

    @property
    def series(self) -> SeriesStore:
        """Every curve."""
        return self._story.series

    @property
    def curves(self) -> SeriesStore:
        """What can be drawn: the same."""
        return self._story.series

    @property
    def launch(self) -> Mapping[str, Any]:
        """What the log tells of its training's settings, in the shape of an attempts/<n>.json."""
        told = dict(self._story.known.told)
        return {"library": False, **({"config": {"params": told}} if told else {})}

    @property
    def all_told(self) -> Mapping[str, Sequence[Event]]:
        """What is known of the log."""
        known = self._story.known
        files = [str(path) for path, _ in self._found.files]
        told = {
            "kind": LOG, "format": self.format, "files": files[:_MOST_FILES],
            "more_files": max(0, len(files) - _MOST_FILES), "renamed": dict(known.renamed),
            "train_loss": known.train_loss if self._story.series.names() else "",
        }  # fmt: skip
        return {LOG: (told,)}

    @property
    def proofs(self) -> Mapping[tuple[str, str], Event]:
        """None: nobody proves its checkpoints."""
        return {}

    def open_console(self) -> ConsoleWindow:
        """The log itself, where it has lines that people can read."""
        readable = self._found.kind == "lines"
        return ConsoleWindow(self._found.files[0][0] if readable else self.path / os.devnull)

    def list_saved(self) -> Saved:
        """Nothing: its checkpoints are not ours to know."""
        return Saved()

    def close(self) -> None:
        """Give up what is held in memory; the follower must not be polled again."""
        self._story = self._new_story()

    def _new_story(self) -> Story:
        known = ForeignLog(self._found.name, self.path, "", ())
        return Story(known, judge=self._judge_wanted)

    def _take(self, piece: Piece) -> bool:
        if piece.restarted:
            self._aside = self._new_story()
        story = self._aside or self._story
        if piece.rows or piece.restarted:
            story.add(piece.rows, self._log.known())
        self._growing |= piece.grew and self.caught_up and self._aside is None
        return bool(piece.rows) or piece.restarted

    def _read_all(self) -> bool:
        """Everything that was there is read: show it, and take its growth for a sign of life."""
        changed = False
        if self._aside is not None:
            old, self._story, self._aside = self._story, self._aside, None
            self._growing |= self._story.rows > 0 and not same_start(old, self._story)
            changed = True
        changed |= self._story.finish()
        if self._growing:
            now = time.monotonic()
            if self._grew is not None:
                self._longest_gap = max(self._longest_gap, now - self._grew)
            self._grew, self._growing = now, False
        return changed

    def _is_recent(self) -> bool:
        written = self._written()
        return written is not None and time.time() - written < _OLD_S

    def _written(self) -> float | None:
        """When its file was last written, by the file system."""
        try:
            return os.stat(self._log.newest()).st_mtime
        except OSError:
            return None


def _opened(found: FoundLog) -> LiveLog:
    if found.kind == "events":
        return LiveEvents(found.key, found.files)
    path = found.files[0][0]
    return LiveLines(path) if found.kind == "lines" else LiveDocument(path)
