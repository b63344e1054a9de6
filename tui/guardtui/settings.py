"""What the dashboard remembers of a person from one day to the next.

One small JSON file in the user's configuration folder. Reading and writing happen in a thread of their own:
a home on a slow or broken disk never stops the screen. A change is merged into the file as it is then, under
a lock, so two dashboards do not undo each other's; keys that this version does not know stay in the file.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

_FILE: Final = "dashboard.json"
_LARGEST: Final = 1_000_000
_MOST_IDS: Final = 2000
"""Pinned or hidden runs that are remembered, the newest ones."""
_FIRST_WAIT_S: Final = 0.15
"""A configuration folder that answers later than this is taken into account when it does."""
_LAST_WAIT_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Settings:
    """All of it; a field's type is what its value in the file must have. New ones need a default."""

    order: str = "signal"
    """Id of an order of the list of runs."""
    reverse: bool = False
    group_by: str = ""
    pinned: tuple[str, ...] = ()
    """Ids of runs that stay on top of the list."""
    hidden: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    """Titles of columns from the left; where room is short the last go first. Empty: by themselves."""
    columns_off: tuple[str, ...] = ()
    """Titles of columns that are never shown."""
    theme: str = ""
    """Name of a look; "": what fits the terminal."""
    export_folder: str = ""
    """Where charts are saved; "": where the dashboard was started."""
    chart_ink: str = ""
    """What charts are drawn with: braille, block or ascii; "": what fits the terminal."""
    smooth: bool = False
    weight: float = 0.9
    """Of the smoothing."""
    axis: str = "step"
    """x axis of the charts, where the run has it."""
    chart_columns: int = 0
    """0: chosen by itself."""
    output_strip: int = 0
    """Output below the charts: 0 some lines, 1 many, 2 none."""
    bell: bool = False
    """Ring the terminal's bell on an alert: a new act signal, a run that ended badly."""
    desktop: bool = False
    """On an alert ask the terminal for a desktop notification."""
    on_act: str = ""
    """A command for alerts."""


_DEFAULTS: Final = Settings()
Change = Mapping[str, Any]
"""Fields with their new values; a list of texts changes by ``{"add": [...], "drop": [...]}``."""


def settings_file(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """``guardrun/dashboard.json`` in the folder that this platform has for a user's configuration."""
    home = Path(environ.get("HOME") or os.path.expanduser("~"))
    base = environ.get("XDG_CONFIG_HOME", "")
    if os.path.isabs(base):
        folder = Path(base)
    elif platform == "darwin":
        folder = home / "Library" / "Application Support"
    elif platform == "win32":
        folder = Path(environ.get("APPDATA") or home / "AppData" / "Roaming")
    else:
        folder = home / ".config"
    return folder / "guardrun" / _FILE


def settings_from(table: Mapping[str, Any]) -> tuple[Settings, list[str]]:
    """The settings in a decoded file, and the names of those that are not what they should be."""
    found: dict[str, Any] = {}
    odd: list[str] = []
    for each in fields(Settings):
        if each.name not in table:
            continue
        value, default = table[each.name], getattr(_DEFAULTS, each.name)
        if isinstance(default, tuple) and isinstance(value, list) and all(isinstance(v, str) for v in value):
            found[each.name] = tuple(value)
        elif type(value) is type(default) and not isinstance(default, tuple):
            found[each.name] = value
        else:
            odd.append(each.name)
    return Settings(**found), odd


def merged(table: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """A decoded file with a change in it; all else stays as it is."""
    result = dict(table)
    for name, value in change.items():
        if isinstance(value, Mapping):
            before = result.get(name)
            kept = [each for each in before if isinstance(each, str)] if isinstance(before, list) else []
            drop = {*value.get("add", ()), *value.get("drop", ())}
            result[name] = [*(each for each in kept if each not in drop), *value.get("add", ())][-_MOST_IDS:]
        else:
            result[name] = list(value) if isinstance(value, tuple) else value
    return result


class SettingsStore:
    """The settings of one user, for the thread that draws."""

    def __init__(self, path: Path | None) -> None:
        """Without a path nothing is read or kept beyond this dashboard."""
        self.note = ""
        """What a person should know about the file: damaged, or cannot be written; "" when all is well."""
        self._path = path
        self._told: Callable[[], object] | None = None
        self._news = False
        self._table: dict[str, Any] = {}
        self._current = _DEFAULTS
        self._early: list[Change] = []
        """Changes from before the file was read."""
        self._lock = threading.Lock()
        self._changes: SimpleQueue[Change | None] = SimpleQueue()
        self._loaded = threading.Event()
        self._thread = threading.Thread(target=self._work, name="guard-settings", daemon=True)

    @property
    def current(self) -> Settings:
        """As far as they are known."""
        return self._current

    def start(self, wait_s: float = _FIRST_WAIT_S) -> None:
        """Begin to read; usually the settings are there when this returns."""
        if self._path is not None:
            self._thread.start()
            self._loaded.wait(wait_s)

    def listen(self, told: Callable[[], object]) -> None:
        """``told`` is called, from the thread, when there is news; now, when there was some before."""
        with self._lock:
            self._told, news, self._news = told, self._news, False
        if news:
            told()

    def change(self, **values: Any) -> None:
        """Replace settings at once; they are written soon."""
        self._take(values)

    def mark(self, name: str, add: tuple[str, ...] = (), drop: tuple[str, ...] = ()) -> None:
        """Add to and take from a list of texts: what another dashboard added stays."""
        self._take({name: {"add": list(add), "drop": list(drop)}})

    def stop(self) -> None:
        """Write what is to be written; waits for it a moment."""
        if self._thread.is_alive():
            self._changes.put(None)
            self._thread.join(_LAST_WAIT_S)

    def _take(self, change: Change) -> None:
        with self._lock:
            self._table = merged(self._table, change)
            self._current = settings_from(self._table)[0]
            if not self._loaded.is_set():
                self._early.append(change)
        if self._path is not None:
            self._changes.put(change)

    def _work(self) -> None:
        assert self._path is not None
        self._load(self._path)
        going = True
        while going:
            changes = [self._changes.get()]
            while not self._changes.empty():
                changes.append(self._changes.get())
            going = None not in changes
            wanted = [change for change in changes if change is not None]
            if wanted:
                self._keep(self._path, wanted)

    def _load(self, path: Path) -> None:
        try:
            table, problem = read_table(path)
        except OSError as error:
            table, problem = {}, f"cannot be read ({error.strerror or error})"
        odd = settings_from(table)[1]
        with self._lock:
            for change in self._early:
                table = merged(table, change)
            self._table, self._current = table, settings_from(table)[0]
            self._early.clear()
            self._loaded.set()
        if problem:
            self._tell(f"{path} {problem}: your settings begin anew")
        elif odd:
            self._tell(f"{path}: {', '.join(odd)}: not understood, so left as usual")
        else:
            self._tell("")

    def _keep(self, path: Path, changes: list[Change]) -> None:
        from guardrun.events.atomic import write_atomic

        try:
            path = Path(os.path.realpath(path))  # a link stays a link
            path.parent.mkdir(parents=True, exist_ok=True)
            with _locked(path.with_name(f".{_FILE}.lock")):
                table, problem = read_table(path)
                if problem:
                    os.replace(path, path.with_name(f"{_FILE}.damaged"))
                for change in changes:
                    table = merged(table, change)
                write_atomic(path, json.dumps(table, indent=1).encode() + b"\n")
        except OSError as error:
            self._tell(f"settings are not kept: {path}: {error.strerror or error}")

    def _tell(self, note: str) -> None:
        with self._lock:
            fresh, self.note = note != self.note or not note, note
            told = self._told
            self._news = self._news or told is None
        if told is not None and fresh:
            told()


def read_table(path: Path) -> tuple[dict[str, Any], str]:
    """What is in the file, and what is wrong with it; an absent file is empty. Raises OSError."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST + 1)
    except FileNotFoundError:
        return {}, ""
    if len(data) > _LARGEST:
        return {}, "is too large"
    try:
        table = json.loads(data)
    except (ValueError, RecursionError):
        return {}, "is damaged"
    return (table, "") if isinstance(table, dict) else ({}, "is damaged")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Alone with the file, where the file system knows locks; else without."""
    with path.open("ab") as stream:
        with contextlib.suppress(ImportError, OSError):
            import fcntl

            fcntl.flock(stream, fcntl.LOCK_EX)
        yield
