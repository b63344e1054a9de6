"""Commands to a run: small files in ``control/``, written aside and renamed; answers are events.

The sender is the file's owner, read by fstat from the opened file; links are refused. A command names its
attempt and an expiry, so that an old file never stops a new attempt.
"""

from __future__ import annotations

import errno
import json
import math
import os
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from guardrun.events.access import Senders
from guardrun.events.atomic import write_atomic
from guardrun.events.remarks import note_problem, tags_problem
from guardrun.events.untrusted import names_inside, open_inside

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from guardrun.events.paths import RunPaths

MAX_BYTES = 64 * 1024
STOP = "stop"
CHECKPOINT = "checkpoint"
ACKNOWLEDGE = "acknowledge"
"""A person knows of these signals. Where nobody is left to answer, viewers take the file itself for it."""
REMARK = "note"
TAG = "tag"
"""A person's words about the run, recorded in the same way; they belong to the run, whatever the attempt."""
COMMANDS = frozenset((STOP, CHECKPOINT, ACKNOWLEDGE, REMARK, TAG))
_MOST_SIGNALS = 1000


class Command(NamedTuple):
    """One request. ``via`` says who asked: watch, cli, sigint, sigterm, policy, budget, scheduler."""

    id: str
    command: str
    attempt: int
    sent: float
    expires: float
    via: str
    reason: str = ""
    now: bool = False
    """Do not wait for the step boundary's usual courtesies: a running evaluation is discarded."""
    grace: float | None = None
    """Seconds without progress after which the next rung is climbed unasked; None: offered only."""
    hurry: bool = False
    """Asking again: climb to the next rung of a stop that is under way."""
    signals: Mapping[str, int] = {}
    """Of an acknowledgement: the signals, and the step at which each had been raised, as the person saw."""
    until: float | None = None
    """Of an acknowledgement that is a snooze: unix seconds at which the signals come back by themselves."""
    until_step: int | None = None
    """The same in steps."""
    text: str = ""
    """Of a note."""
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    """Of a tag command."""
    uid: int = -1
    """Owner of the file, from fstat; not written."""


class BadCommand(NamedTuple):
    """A control file that is not a command: what is wrong with it."""

    name: str
    problem: str


def send_command(
    paths: RunPaths,
    command: str,
    *,
    attempt: int,
    via: str,
    reason: str = "",
    now: bool = False,
    grace: float | None = None,
    hurry: bool = False,
    signals: Mapping[str, int] | None = None,
    lifetime_s: float = 24 * 3600,
    **more: Any,
) -> Command:
    """Write a command file and return what was sent. ``more``: until, until_step, text, add, remove.

    Raises OSError when ``control/`` can't be written.
    """
    sent = time.time()
    made = Command(
        id=os.urandom(4).hex(), command=command, attempt=attempt, sent=sent, expires=sent + lifetime_s,
        via=via, reason=reason, now=now, grace=grace, hurry=hurry, signals=dict(signals or {}),
        **more,
    )  # fmt: skip
    body = made._asdict()
    del body["uid"]
    if paths.control.is_symlink():
        raise OSError(errno.ELOOP, "is a link, which is not followed", str(paths.control))
    paths.control.mkdir(exist_ok=True)
    # Another user's training must be able to read it, whatever our umask.
    mode = None if os.stat(paths.root).st_uid == os.geteuid() else 0o644
    file = paths.control / f"{sent:.6f}-{made.id}.json"
    write_atomic(file, json.dumps(body).encode() + b"\n", sync=False, mode=mode)
    return made


def read_command(path: Path) -> Command | BadCommand:
    """Read one control file without trusting it: no link, no device, no gigabyte, no surprise type."""
    try:
        fd = open_inside(path)
    except OSError as error:
        return BadCommand(path.name, f"cannot be opened: {error.strerror}")
    try:
        facts = os.fstat(fd)
        if facts.st_size > MAX_BYTES:
            return BadCommand(path.name, f"has {facts.st_size} bytes; a command has at most {MAX_BYTES}")
        raw = os.read(fd, MAX_BYTES + 1)
    except OSError as error:
        return BadCommand(path.name, f"cannot be read: {error.strerror}")
    finally:
        os.close(fd)
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return BadCommand(path.name, "is not JSON")
    return _checked(path.name, body, facts.st_uid)


def _checked(name: str, body: Any, uid: int) -> Command | BadCommand:
    if type(body) is not dict:
        return BadCommand(name, "is not a JSON object")
    try:
        made = Command(
            id=body["id"], command=body["command"], attempt=body["attempt"], sent=float(body["sent"]),
            expires=float(body["expires"]), via=body["via"], reason=body.get("reason", ""),
            now=body.get("now", False), grace=body.get("grace"), hurry=body.get("hurry", False),
            signals=body.get("signals") or {}, until=body.get("until"), until_step=body.get("until_step"),
            text=body.get("text", ""), add=tuple(body.get("add", ())), remove=tuple(body.get("remove", ())),
            uid=uid,
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        return BadCommand(name, f"lacks or garbles a field: {error}")
    problem = _problem(made)
    return BadCommand(name, problem) if problem else made


def _problem(made: Command) -> str:
    """What is wrong with the values of a command; "" when nothing is."""
    number = (int, float, type(None))
    kinds: tuple[tuple[Any, Any], ...] = (
        (made.id, str), (made.command, str), (made.attempt, int), (made.via, str), (made.reason, str),
        (made.now, bool), (made.hurry, bool), (made.grace, number), (made.signals, dict),
        (made.until, number), (made.until_step, (int, type(None))), (made.text, str),
        *((tag, str) for tag in (*made.add, *made.remove)),
    )  # fmt: skip
    if not all(isinstance(value, kind) for value, kind in kinds):
        return "has a field of the wrong type"
    if len(made.signals) > _MOST_SIGNALS or any(type(at) is not int for at in made.signals.values()):
        return "does not say at which step each signal was raised"
    if made.until is not None and not (-1e300 < made.until < 1e300 and math.isfinite(made.sent)):
        return "names no time"
    if made.command not in COMMANDS:
        return f"names the unknown command {made.command[:40]!r}"
    wrong = ""
    if made.command == REMARK:
        wrong = note_problem(made.text)
    elif made.command == TAG:
        wrong = tags_problem((*made.add, *made.remove))
    return f"is not recorded: {wrong}" if wrong else ""


class CommandInbox:
    """The commands of one attempt, each delivered once, in the order of their file names.

    ``poll`` costs one listdir; call it at a step boundary, at most some ten times a second. Garbage is
    delivered once as BadCommand, so that it can be reported and never again looked at.
    """

    def __init__(self, paths: RunPaths, attempt: int) -> None:
        self._paths = paths
        self._attempt = attempt
        self._seen: set[str] = set()
        self._senders = Senders(paths)

    def poll(self, now: float) -> list[Command | BadCommand]:
        """New commands for this attempt that have not expired, from an owner we obey."""
        try:
            names = names_inside(self._paths.control)
        except OSError:
            return []
        fresh: list[Command | BadCommand] = []
        for name in sorted(names):
            if name in self._seen or not name.endswith(".json") or name.startswith("."):
                continue
            self._seen.add(name)
            found = read_command(self._paths.control / name)
            if isinstance(found, BadCommand):
                fresh.append(found)
            elif not self._senders.obeys(found.uid):
                fresh.append(BadCommand(name, f"belongs to uid {found.uid}, who may not command this run"))
            elif found.attempt == self._attempt and found.expires >= now:
                fresh.append(found)
        return fresh
