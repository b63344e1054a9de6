"""The checkpoints of a run: which are kept, why one is the best, which are proved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, TypeVar

from guardrun.events.schema import CHECKPOINT, Event
from guardrun.following.saved import Saved, SavedFolder
from guardrun.state.model import CheckpointRef, RunState
from guardrun.state.values import real, whole, words
from guardtui import formatting
from guardtui.glyphs import Glyphs
from guardtui.snapshot import Detail, RunView
from guardtui.text import Line, Tone, clean, line
from guardtui.viewmodel.paragraphs import fact
from guardtui.viewmodel.tables import Column, cell, table_lines

_Value = TypeVar("_Value")
_ATTEMPT: Final = re.compile(r"-a(\d{1,6})$")
_LEVELS: Final = {"hash": "by its hashes", "full": "by hashes, loaded, finite"}
_COLUMNS: Final = (
    Column("", rank=0), Column("step", right=True, rank=0), Column("epoch", right=True, rank=6),
    Column("metric", right=True, rank=1), Column("size", right=True, rank=3),
    Column("saved", rank=4, least=8),
    Column("attempt", right=True, rank=7), Column("proof", rank=1, least=12),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """One checkpoint, from all that tells of it: the disk, the event, the pointers, the proofs."""

    path: str
    step: int | None
    epoch: int | None
    metric: float | None
    bytes: int | None
    t: float | None
    roles: tuple[str, ...]
    verified: bool | None
    level: str = ""
    problem: str = ""
    own: str = ""
    """What it stands for, where the training's own code saved it."""

    @property
    def attempt(self) -> int | None:
        """The attempt that wrote it, by its folder's name."""
        found = _ATTEMPT.search(PurePath(self.path).name)
        return int(found[1]) if found else None


def checkpoints_of(state: RunState, detail: Detail) -> list[Checkpoint]:
    """Those that are there, the newest first; one that a pointer names is listed even when it is gone."""
    told = {words(event.get("path")): event for event in detail.told.get(CHECKPOINT, ())}
    named = {role: ref for role, ref in (("best", state.best), ("last", state.last)) if ref is not None}
    folders = {folder.path: folder for folder in detail.saved.folders} if detail.saved else {}
    external = [path for path, event in told.items() if event.get("external") is True]
    paths = dict.fromkeys([*folders, *(ref.path for ref in named.values()), *external])
    made = []
    for path in paths:
        folder, event = folders.get(path), told.get(path, {})
        refs = {role: ref for role, ref in named.items() if ref.path == path}
        ref = next(iter(refs.values()), None)
        proof = _proof(path, detail.proofs)
        verified, problem = _verdict(refs.values(), proof, folder)
        made.append(
            Checkpoint(
                path,
                step=_first(
                    folder.step if folder else None, ref.step if ref else None, whole(event.get("step"))
                ),
                epoch=_first(
                    folder.epoch if folder else None, ref.epoch if ref else None, whole(event.get("epoch"))
                ),
                metric=_first(
                    folder.metric if folder else None, ref.metric if ref else None, real(event.get("metric"))
                ),
                bytes=_first(
                    folder.bytes if folder else None, ref.bytes if ref else None, whole(event.get("bytes"))
                ),
                t=_first(folder.t if folder else None, real(event.get("t")), ref.t if ref else None),
                roles=tuple(refs),
                verified=verified,
                level=_LEVELS.get(words((proof or {}).get("level")), ""),
                problem=problem,
                own=words(event.get("own")) or (ref.own if ref else ""),
            )
        )
    return sorted(made, key=lambda each: (each.step is None, -(each.step or 0), -(each.t or 0.0)))


def _first(*values: _Value | None) -> _Value | None:
    return next((value for value in values if value is not None), None)


def _proof(path: str, proofs: Mapping[tuple[str, str], Event]) -> Event | None:
    found = [event for (_, proved), event in proofs.items() if proved == path]
    return max(found, key=lambda event: real(event.get("t")) or 0.0, default=None)


def _verdict(
    refs: Iterable[CheckpointRef], proof: Event | None, folder: SavedFolder | None
) -> tuple[bool | None, str]:
    """How it is, where the disk shows it at a glance; else how it was proved."""
    if folder is not None and not folder.complete:
        return False, "unfinished: it was never complete"
    if folder is not None and folder.problem:
        return False, folder.problem
    told = (proof or {}).get("verified")
    known = (told, words((proof or {}).get("problem"))) if isinstance(told, bool) else (None, "")
    verified, problem = next(((ref.verified, ref.problem) for ref in refs if ref.verified is not None), known)
    if folder is not None and folder.changed and verified is not False:
        return None, folder.changed
    return verified, problem


def list_lines(view: RunView, saved: list[Checkpoint], width: int, g: Glyphs) -> list[Line]:
    """One line a checkpoint below a line of titles."""
    rows = []
    for each in saved:
        word, tone = proof_words(each, g, brief=True)
        best = "best" in each.roles
        rows.append((
            cell(" ".join(each.roles), "good" if best else "strong"),
            cell(formatting.count(each.step), "strong" if each.roles else "text"),
            cell("" if each.epoch is None else formatting.count(each.epoch)),
            cell(formatting.number(each.metric), "good" if best else "text"),
            cell(formatting.size(each.bytes)),
            cell(_saved_words(view, each.t), "dim"),
            cell("" if each.attempt is None else str(each.attempt)),
            cell(word, tone),
        ))  # fmt: skip
    return table_lines(_COLUMNS, rows, width)


def _saved_words(view: RunView, t: float | None) -> str:
    """How long ago it was written."""
    newest = view.state.last_event_t
    if t is None or newest is None or view.age_s is None:
        return ""
    return formatting.ago(max(0.0, newest - t) + view.age_s)


def proof_words(each: Checkpoint, g: Glyphs, *, brief: bool = False) -> tuple[str, Tone]:
    """What is known of its soundness."""
    if each.verified is None and each.problem:
        return f"{g.warn} {clean(each.problem)}: guard show tells whether it is whole", "warn"
    if each.verified is None:
        return "not proved yet", "dim"
    if each.verified:
        return f"{g.done} verified" + (f" {each.level}" if each.level and not brief else ""), "good"
    problem = clean(each.problem)
    if problem.startswith("unfinished"):
        return f"{g.bad} {problem}", "warn"
    return f"{g.bad} damaged" + (f": {problem}" if problem else ""), "bad"


def chosen_lines(
    view: RunView, each: Checkpoint, saved: Sequence[Checkpoint], path: str, width: int, g: Glyphs
) -> list[Line]:
    """The chosen one of those that are ``saved``: where it lies (``path``), and what is known of it."""
    word, tone = proof_words(each, g)
    lines = fact("path", path, width, "strong")
    lines += fact("stands for", each.own, width, "strong")
    lines += fact("proof", word, width, tone)
    if each.roles and each.verified is False:
        return lines + fact("instead", instead_words(view.state, each, saved), width, "warn")
    if "best" in each.roles:
        lines += fact("best because", best_words(view.state), width)
    if "last" in each.roles:
        lines += fact("last", "a resume goes on from here", width)
    return lines


def instead_words(state: RunState, damaged: Checkpoint, saved: Sequence[Checkpoint]) -> str:
    """What takes the place of a damaged best or last."""
    rest = [each for each in saved if each.verified is not False and each.path != damaged.path]
    if not rest:
        return "no other checkpoint is whole"
    texts = []
    if "last" in damaged.roles:
        texts.append(f"a resume goes on from {_named(rest[0])}, when its hashes fit")
    ranked = [each for each in rest if each.metric is not None]
    if "best" in damaged.roles and ranked:
        choose = max if state.monitor is not None and state.monitor.mode == "max" else min
        texts.append(f"the best of the others is {_named(choose(ranked, key=lambda one: one.metric or 0.0))}")
    return "; ".join(texts) or f"{_named(rest[0])} is there"


def _named(each: Checkpoint) -> str:
    return clean(PurePath(each.path).name)


def best_words(state: RunState) -> str:
    """Why this one is the best: the criterion, its value, and a better value that was not saved."""
    monitor, ref = state.monitor, state.best
    if monitor is None:
        return "the script said so: no metric decides"
    order = "lowest" if monitor.mode == "min" else "highest"
    value = "" if ref is None or ref.metric is None else f": {formatting.number(ref.metric)}"
    text = f"it has the {order} {clean(monitor.name)} of those that were saved{value}"
    if ref is not None and monitor.best is not None and ref.metric is not None:
        better = monitor.best < ref.metric if monitor.mode == "min" else monitor.best > ref.metric
        if better and formatting.number(monitor.best) != formatting.number(ref.metric):
            where = "" if monitor.best_step is None else f" at step {formatting.count(monitor.best_step)}"
            text += f"; {formatting.number(monitor.best)} was seen{where}, without a checkpoint"
    return text


def summary_line(saved: list[Checkpoint], disk: Saved | None, told: int, g: Glyphs) -> Line:
    """How many, how much, how much room."""
    total = sum(each.bytes or 0 for each in saved)
    parts = [f"{len(saved)} kept, {formatting.size(total)} together"]
    gone = told - len(saved)
    if gone > 0:
        parts.append(f"{gone} older removed")
    if disk is not None and disk.more:
        parts.append(f"{disk.more} older not listed")
    free, tone = "", "dim"
    if disk is not None and disk.free_bytes is not None:
        sizes = [each.bytes for each in saved if each.bytes]
        room = int(disk.free_bytes // max(sizes)) if sizes else None
        few = room is not None and room < 10
        free = f"{formatting.size(disk.free_bytes)} free"
        free += f": room for {room} more" if few else ""
        tone = "warn" if few else "dim"
    shape = f"{g.warn} " if tone == "warn" else ""
    separator = f" {g.dot} "
    warned: Tone = "warn" if tone == "warn" else "dim"
    return line((separator.join(parts), "dim"), (f"{separator}{shape}{free}" if free else "", warned))


def empty_words(state: RunState) -> str:
    """Why there is none."""
    if not state.can_save:
        return (
            "guard cannot save this run: its script calls neither run.track() nor run.register_checkpoint(), "
            "and has no @run.on_stop. A stop loses what the script does not save itself."
        )
    if state.status.live:
        return "No checkpoint yet: the first one comes with the first evaluation or the first epoch's end."
    return "This run kept no checkpoint."
