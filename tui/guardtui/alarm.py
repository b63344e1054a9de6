"""How an alert reaches somebody who does not look: a bell, a notification by the terminal, a command.

Text from runs is data: for the terminal it is cleaned, for the command it is in the environment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from typing import Final

from guardtui.text import clean
from guardtui.viewmodel.alerting import Alert

PAUSE_S: Final = 10.0
"""Between two alerts; what happens meanwhile is told together."""
_PATIENCE_S: Final = 60.0
"""A command that takes longer is ended."""


def words_of(alerts: Sequence[Alert]) -> str:
    """One line about all of them."""
    more = f" (and {len(alerts) - 1} more)" if len(alerts) > 1 else ""
    return f"guard: {alerts[0].text}{more}"


def desktop_sequence(text: str, environ: Mapping[str, str] = os.environ) -> str:
    """OSC 9, which many terminals show as a desktop notification; through tmux and screen in an envelope."""
    bare = f"\x1b]9;{clean(text)}\x07"
    if environ.get("TMUX"):
        return "\x1bPtmux;" + bare.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    if environ.get("STY"):
        return f"\x1bP{bare}\x1b\\"
    return bare


def environment(alerts: Sequence[Alert], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a command gets to know."""
    first = alerts[0]
    return {
        **environ,
        "GUARD_RUN": str(first.path.absolute()),
        "GUARD_NAME": first.name,
        "GUARD_SIGNAL": first.signal,
        "GUARD_MESSAGE": first.message,
        "GUARD_MORE": str(len(alerts) - 1),
    }


def run_command(command: str, alerts: Sequence[Alert], patience_s: float = _PATIENCE_S) -> str:
    """Run a person's own shell command; "" or what went wrong. Raises nothing."""
    try:
        told = {key: value.replace("\0", "") for key, value in environment(alerts).items()}
        with tempfile.TemporaryFile() as err:
            process = subprocess.Popen(
                ["/bin/sh", "-c", command], env=told, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=err, start_new_session=True,
            )  # fmt: skip
            try:
                code = process.wait(patience_s)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                return f"the command for alerts took longer than {patience_s:.0f} s and was ended"
            err.seek(0)
            said = clean(err.read(2000).decode("utf-8", "replace").strip().rpartition("\n")[2])
    except (OSError, ValueError) as error:
        return f"the command for alerts cannot be run: {clean(error)}"
    return f"the command for alerts ended with exit code {code}: {said}".rstrip(": ") if code else ""
