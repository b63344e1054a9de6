"""A run whose every text tries to command the terminal, looked at on every screen of a real dashboard."""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path

import pytest
from benchmarks.dashboard_cost.terminal import Terminal

from guardrun.events import schema
from run_factory import RunWriter

pytestmark = pytest.mark.terminal

# A title, a cleared screen, a report that would be typed back, C1 introducers, a bell; each with its mark.
ESC = "\x1b"
EVIL = "\x1b]0;pwned\x07\x1b[77;77z\x1b[6n\x9b31m\x90q\x9c\x07\x1bP+q\x1b\\\x08\x7f\r\n\u202e"
ANSWERED = ("\x1b[6n", "\x1b]0;pwned", "pwned\x07", "\x1b[77;77z", "\x1bP+q", "\x08", "\x7f", "\u202e")
C1 = re.compile("[\x80-\x9f]")


def evil(word: str) -> str:
    return f"{word}{EVIL}{word}"


@pytest.fixture
def run(tmp_path: Path) -> RunWriter:
    made = RunWriter(tmp_path / "runs", evil("name"), group=evil("group"), t=time.time() - 60)
    made.launch(
        config={evil("key"): evil("value"), "params": {evil("lr"): [evil("list")]}, "policy": {}},
        command=["python", evil("command")], workdir=evil("workdir"), host=evil("host"),
        git={"commit": evil("commit"), "branch": evil("branch"), "dirty": True, "files": [evil("file")]},
        environment={"python": evil("python"), "packages": {evil("package"): evil("version")}},
        config_source=evil("source"), overrides=[evil("override")],
    )  # fmt: skip
    made.start(monitor=evil("val/loss"), host=evil("host"))
    made.supervise()
    for kind in ("env", "seeds", "data", "split", "fit", "preprocessing", "settings", "sanity", "test_use"):
        made.event(kind, name=evil("name"), text=evil("text"), **{evil("field"): evil("value")})
    made.train(80, **{evil("metric"): 1.0, "broken": "NaN"})
    made.evaluate(**{evil("val/loss"): 0.5})
    made.checkpoint()
    made.event(
        schema.CHECKPOINT, step=80, path=evil("path"), roles=["best"], metric=0.4, meta_sha256=evil("0")
    )
    made.event(schema.NOTE, text=evil("note"), renamed={evil("raw"): evil("stored")})
    made.event(schema.SYSTEM, file="system.jsonl", gpu_note=evil("gpu"), **{evil("gpu0/power"): 3.0})
    made.signal(evil("signal"), severity="act", message=evil("message"), advice=evil("advice"),
                would_change=evil("change"), evidence={evil("fact"): evil("value")})  # fmt: skip
    made.console(f"{evil('line')}\n\x1b[2J50 %\r{evil('bar')}\n" * 30)
    made.end("failed", evil("reason"), error=evil("error"))
    made.event(schema.RUN_END, file="supervisor.jsonl", status="failed", reason=evil("reason"), step=80,
               error=evil("error"), last_words=[evil("words")], exit_code=1)  # fmt: skip
    for name in ("config.yaml", "git.diff"):
        (made.paths.root / name).write_text(json.dumps({evil("key"): evil("value")}))
    return made


def test_no_byte_of_an_escape_sequence_reaches_the_terminal(run: RunWriter, tmp_path: Path) -> None:
    """Names, groups, metrics, configuration, signals, output and errors, through every pane and dialog."""
    command = [sys.executable, "-m", "guardrun.cli.main", "watch", str(tmp_path / "runs")]
    keys = [
        *"ij", ESC, "\r", *"12345678", "2", "\r", "1", "\r", "w", "l", "l", "x", "z", ESC, "s", ESC, "r", ESC,
        "1", "/", *"val", "\r", ESC, ESC, ESC, "?", ESC, "u", "o", " ", "v", "g", ESC,
    ]  # fmt: skip
    env = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    with Terminal(command, width=160, height=50, env=env) as terminal:
        terminal.shows("name")
        for key in keys:
            terminal.press(key)
            time.sleep(0.12)
        terminal.shows("1 run")
        sent = terminal.everything

    assert "Traceback" not in sent
    assert "signal" in sent
    assert "value" in sent
    assert [each for each in ANSWERED if each in sent] == []
    assert C1.findall(sent) == []
