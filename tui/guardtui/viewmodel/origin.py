"""Where a run comes from: configuration, code, data, seeds, environment, attempts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from guardrun.events.schema import DATA, FIT, PREPROCESSING, SETTINGS, SPLIT, TEST_USE, Event
from guardrun.state.model import RunState
from guardrun.state.money import money_words
from guardrun.state.values import real, table, whole, words
from guardtui import formatting
from guardtui.glyphs import Glyphs
from guardtui.snapshot import Detail, RunView
from guardtui.text import Line, clean, line
from guardtui.viewmodel.faces import status_face
from guardtui.viewmodel.origin_data import data_lines
from guardtui.viewmodel.origin_log import log_sections
from guardtui.viewmodel.paragraphs import broken, fact, facts, flat, hash_words
from guardtui.viewmodel.run_header import reason_words
from guardtui.viewmodel.tables import Column, cell, table_lines

_MARKS: Final = {"override": "command line", "file": "file", "default": "default"}
_CONFIG: Final = (
    Column("setting", rank=0, least=18),
    Column("value", rank=0, least=16),
    Column("set by", rank=1),
)


class Section(NamedTuple):
    """One part of the page; it can be jumped to."""

    title: str
    body: list[Line]
    remark: str = ""


def sections(view: RunView, detail: Detail | None, width: int, g: Glyphs) -> list[Section]:
    """Those that have something to tell, in their order."""
    state = view.state
    launch = table(detail.launch) if detail else {}
    told: Mapping[str, Sequence[Event]] = detail.told if detail else {}
    config, remark = _config(state, launch, width)
    packages = table(table(launch.get("environment")).get("packages"))
    made = [
        Section("Run", _identity(view, width, g)),
        *(Section(title, body) for title, body in log_sections(state, told, width)),
        Section("Configuration", config, remark),
        Section("Code", _code(state, launch, width, g)),
        Section("Data", data_lines(told, state.data, width, g)),
        Section("Seeds", _seeds(state, width)),
        Section("Model and optimizer", _settings(told.get(SETTINGS, ()), width)),
        Section("Environment", _environment(state, launch, width)),
        Section("Attempts", _attempts(state, width)),
        Section("Notes", _notes(state, width)),
        Section("Packages", _packages(packages, width), f"{len(packages)}"),
    ]
    return [section for section in made if section.body]


def _identity(view: RunView, width: int, g: Glyphs) -> list[Line]:
    state = view.state
    face = status_face(state.status, g)
    reason = reason_words(state)
    lines = fact("name", state.name, width, "title")
    lines += fact("status", f"{face.shape} {face.word} {reason}".rstrip(), width, face.tone)
    lines += facts(
        (
            ("run", "" if state.source else state.run_id),
            ("log" if state.source else "folder", view.path), ("group", state.group or ""),
            ("error", state.error),
            ("exit code", "" if state.exit_code is None else state.exit_code),
            ("host", state.host), ("ranks", state.ranks if state.ranks > 1 else ""),
            *(() if state.source else _keeping(state)),
            ("time", formatting.duration(state.elapsed_s) if state.elapsed_s is not None else ""),
            ("cost", money_words(state.cost, state.currency) if state.cost is not None else ""),
            ("command", " ".join(state.command)),
        ),
        width,
    )  # fmt: skip
    return lines


def _keeping(state: RunState) -> tuple[tuple[str, str], ...]:
    can_save = "yes" if state.can_save else "no: a stop loses what the script did not save itself"
    return (
        ("supervised", "yes" if state.supervised else "no: nothing acts by itself"), ("can save", can_save)
    )  # fmt: skip


def _config(state: RunState, launch: Mapping[str, Any], width: int) -> tuple[list[Line], str]:
    """Every setting: first what the command line set, then the file, then defaults."""
    config = table(launch.get("config")) or state.config
    origins = table(launch.get("config_origins"))
    raw = dict(flat(table(launch.get("config_raw"))))
    order = ("override", "file", "default")
    rows = []
    pairs = _settings_of(config, origins)
    for name, value, origin in sorted(
        pairs, key=lambda pair: order.index(pair[2]) if pair[2] in order else 1
    ):
        mark = _MARKS.get(origin, clean(origin))
        tone = {"override": "strong", "default": "dim"}.get(origin, "text")
        was = raw.get(name)
        instead = f" (file: {_short(was)})" if origin == "override" and was not in (None, value) else ""
        rows.append((
            cell(clean(name), tone), cell(_short(value), tone),  # type: ignore[arg-type]
            cell(mark + instead, "warn" if origin == "override" else "dim"),
        ))  # fmt: skip
    changed = sum(origin == "override" for _, _, origin in pairs)
    remark = f"{changed} set on the command line" if changed else ""
    return (table_lines(_CONFIG, rows, width) if rows else []), remark


def _settings_of(config: Mapping[str, Any], origins: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    """Name, value and origin of each setting; defaults that say nothing are left out."""
    return [(name, value, words(origins.get(name))) for name, value in flat(config)]


def _short(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    return clean(value)


def _code(state: RunState, launch: Mapping[str, Any], width: int, g: Glyphs) -> list[Line]:
    git = table(launch.get("git")) or table(state.git)
    if not git:
        return []
    lines: list[Line] = []
    if git.get("dirty") is True:
        size = formatting.size(real(git.get("diff_bytes")))
        cut = ", cut off" if git.get("diff_truncated") is True else ""
        lines += fact("state", f"{g.warn} uncommitted changes: git.diff, {size}{cut}", width, "warn")
    elif git.get("dirty") is False:
        lines += fact("state", f"{g.done} as committed", width, "good")
    untracked = git.get("untracked")
    extra = ""
    if isinstance(untracked, list):
        more = f" and {len(untracked) - 8} more" if len(untracked) > 8 else ""
        extra = ", ".join(map(clean, untracked[:8])) + more
    skipped = whole(git.get("untracked_skipped"))
    return lines + facts(
        (
            ("problem", git.get("problem") or ""),
            ("commit", git.get("commit") or ""), ("branch", git.get("branch") or ""),
            ("remote", git.get("remote") or ""),
            ("untracked", extra),
            ("left out", f"{skipped} untracked files were too large to keep" if skipped else ""),
            ("code hash", hash_words(git.get("code_sha256") or "", 20)),
        ),
        width,
    )  # fmt: skip


def _seeds(state: RunState, width: int) -> list[Line]:
    seeds = dict(state.seeds)
    if not seeds:
        return []
    given = [
        f"{name} {clean(seeds[name])}"
        for name in ("python", "numpy", "torch", "cuda")
        if seeds.get(name) is not None
    ]
    deterministic = seeds.get("deterministic") is True
    missing = seeds.get("not_seeded")
    rest = {
        key: value for key, value in seeds.items()
        if key not in ("seed", "python", "numpy", "torch", "cuda", "deterministic", "not_seeded", "rank")
    }  # fmt: skip
    lines = fact("seed", seeds.get("seed", ""), width, "strong")
    lines += fact("seeded", ", ".join(given), width)
    lines += fact(
        "not seeded", ", ".join(map(clean, missing)) if isinstance(missing, list) else "", width, "warn"
    )
    lines += fact(
        "deterministic",
        "yes: the same numbers again on the same machine"
        if deterministic
        else "not forced: a repeat may differ in the last digits",
        width,
    )
    return lines + facts(flat(rest), width)


def _settings(told: Sequence[Event], width: int) -> list[Line]:
    if not told:
        return []
    newest = told[-1]
    lines: list[Line] = []
    for label in ("models", "optimizers", "schedulers"):
        for name, about in table(newest.get(label)).items():
            kind = words(table(about).get("type")).rpartition(".")[2]
            lines += fact(clean(name), f"{kind}{_about(table(about))}", width)
    return lines


def _about(about: Mapping[str, Any]) -> str:
    parameters, trainable = whole(about.get("parameters")), whole(about.get("trainable"))
    parts = []
    if parameters is not None:
        parts.append(f"{formatting.count(parameters)} parameters")
        if trainable is not None and trainable != parameters:
            parts.append(f"{formatting.count(trainable)} of them trained")
    groups = about.get("groups")
    if isinstance(groups, list) and groups:
        first = table(groups[0])
        parts += [
            f"{name} {_short(first[name])}"
            for name in ("lr", "momentum", "betas", "weight_decay")
            if first.get(name) not in (None, 0, 0.0)
        ]
        if len(groups) > 1:
            parts.append(f"{len(groups)} groups, of which this is the first")
    return "".join(f", {part}" for part in parts)


def _environment(state: RunState, launch: Mapping[str, Any], width: int) -> list[Line]:
    recorded = {
        key: value
        for key, value in table(launch.get("environment")).items()
        if key not in ("packages", "boot_id", "notes")
    }
    sizes = {"memory_bytes": "memory"}
    pairs = []
    for name, value in flat(
        {**recorded, **{k: v for k, v in state.env.items() if k not in recorded or not recorded[k]}}
    ):
        number = real(value)
        pairs.append((sizes[name], formatting.size(number)) if name in sizes and number else (name, value))
    return facts(pairs, width, label_width=18)


def _packages(packages: Mapping[str, Any], width: int) -> list[Line]:
    """In columns: most names are short."""
    shown = [f"{clean(name)} {clean(version)}" for name, version in sorted(packages.items())]
    if not shown:
        return []
    columns = max(1, width // 34)
    rows = -(-len(shown) // columns)
    grid = [
        [cell(shown[place]) if place < len(shown) else () for place in range(row, rows * columns, rows)]
        for row in range(rows)
    ]
    return table_lines(
        [Column("", rank=number, least=30) for number in range(columns)], grid, width, titles=False
    )


def _attempts(state: RunState, width: int) -> list[Line]:
    pairs = []
    if state.source and len(state.attempts) < 2:
        return []
    for attempt in state.attempts:
        took = (
            formatting.duration(attempt.ended - attempt.started) if attempt.ended is not None else "running"
        )
        outcome = f", {attempt.status}" if attempt.status else ""
        because = f" ({attempt.reason})" if attempt.reason else ""
        start = f"from step {formatting.count(attempt.from_step)}, {took}{outcome}{because}"
        pairs.append((f"attempt {attempt.number}", start))
    return facts(pairs, width)


def _notes(state: RunState, width: int) -> list[Line]:
    remarks: Iterable[str] = [
        *state.notes,
        *((f"{state.bad_lines} unreadable lines were skipped",) if state.bad_lines else ()),
        *((f"{state.dropped_events} events were dropped by a failing disk",) if state.dropped_events else ()),
    ]
    return [each for note in remarks for each in broken(clean(note), width)]


def page_lines(made: Sequence[Section]) -> tuple[list[Line], list[int]]:
    """The whole page, and the line at which each section begins."""
    lines: list[Line] = []
    starts = []
    for section in made:
        if lines:
            lines.append(())
        starts.append(len(lines))
        lines.append(
            line((section.title, "accent"), (f"  {section.remark}" if section.remark else "", "dim"))
        )
        lines += section.body
    return lines, starts


KINDS: Final = (DATA, SPLIT, FIT, PREPROCESSING, TEST_USE, SETTINGS)
