"""Hostile text on the dashboard's terminal: of all that it sends, nothing is the run's but plain letters."""

from __future__ import annotations

import os
import random
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks.dashboard_cost.terminal import NeverShown, Terminal
from benchmarks.faults.campaign import Campaign, Row, Trials
from benchmarks.faults.hostile import infest
from benchmarks.faults.hostile_texts import MARK, hostile_text
from benchmarks.faults.limits import in_memory
from benchmarks.faults.mutated_run import make_run

TEXTS: Final = 40
"""Of one trial, all in the strings of one run."""
WIDTH, HEIGHT = 120, 40
_SEQUENCE: Final = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    r"|\x1b\].*?(?:\x07|\x1b\\)"  # OSC
    r"|\x1b[PX^_].*?\x1b\\"  # DCS, SOS, PM, APC
    r"|\x1b[ -/]*[0-~]",
    re.DOTALL,
)
_PLACE: Final = re.compile(r"\x1b\[(\d*)(?:;(\d*))?[Hf]")
_WALK: Final = (*"2j345j67  81ll", "s", "\x1b", "?", "\x1b")
"""Every pane of a run, the dialogue of a stop and the help."""
_FEWEST_SCREENS: Final = 9
"""Eight panes and the help are never alike: with fewer, keys went astray."""


def shapes(sent: str) -> set[str]:
    """Kinds of sequences and of characters without a picture; numbers count for nothing, places for much."""
    found = set()
    for sequence in _SEQUENCE.findall(sent):
        place = _PLACE.fullmatch(sequence)
        if MARK in sequence:
            found.add(f"of the run: {sequence!a}")
        elif place is not None:
            row, column = (int(each or 1) for each in place.groups())
            found.add("place" if row <= HEIGHT and column <= WIDTH + 1 else f"place outside: {sequence!a}")
        elif sequence.endswith("m"):
            found.add("colour")
        else:
            found.add(re.sub(r"\d+", "N", sequence) if not sequence.startswith("\x1b[?") else sequence)
    rest = _SEQUENCE.sub("", sent)
    return found | {char for char in rest if not char.isprintable()}


def walk(root: Path, scratch: Path) -> str:
    """What `guard watch` sends while somebody looks at everything of the run."""
    homes = {f"XDG_{kind}_HOME": str(scratch / kind.lower()) for kind in ("CACHE", "CONFIG", "STATE", "DATA")}
    command = [sys.executable, "-m", "guardrun.cli.main", "watch", str(root.parent)]
    with Terminal(command, width=WIDTH, height=HEIGHT, env=homes) as terminal:
        terminal.shows("1 run in", "STATUS")
        terminal.press("\r")
        terminal.when(lambda screen: "STATUS" not in screen)
        screens = set()
        for key in _WALK:
            terminal.press(key)
            terminal.settle(0.3, 6.0)
            screens.add(terminal.look())
        if len(screens) < _FEWEST_SCREENS:
            raise NeverShown(f"{len(screens)} different screens, of them:\n{terminal.look()}")
        return terminal.everything


class Screens:
    """One run with many texts, against the same run without."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._original = make_run(folder).root
        self._harmless = shapes(walk(self._original, folder))

    def look(self, number: int, chance: random.Random) -> tuple[set[str], str]:
        """What a walk sends that it does not send for the run as it was, and all that it sends."""
        root = self._folder / "infested" / self._original.name
        shutil.rmtree(root.parent, ignore_errors=True)
        shutil.copytree(self._original, root, symlinks=True)
        texts = [hostile_text(number * TEXTS + turn, chance) for turn in range(TEXTS)]
        infest(root, texts, chance)
        sent = walk(root, self._folder)
        return shapes(sent) - self._harmless, sent


def run(row: Row, trials: Trials) -> None:
    """Each trial is forty texts on a pseudo-terminal of their own."""
    shown = marks = 0
    with tempfile.TemporaryDirectory(prefix="guard-screens-", dir=in_memory()) as name:
        os.environ["XDG_CACHE_HOME"] = f"{name}/cache"
        screens = Screens(Path(name).resolve())
        for number, chance in trials:
            try:
                odd, sent = screens.look(number, chance)
            except NeverShown as error:
                odd, sent = {f"nothing was shown: {str(error)[-500:]}"}, ""
            row.trials += 1
            shown += len(sent.encode())
            marks += sent.count(MARK)
            row.violations += [f"trial {number}: the dashboard sends {one!a}" for one in sorted(odd)]
            if not sent.count(MARK):
                row.violations.append(f"trial {number}: no text of the run came onto the screen")
    row.facts.append(f"{shown:,} bytes sent, {marks:,} marks of hostile texts among them")


CAMPAIGN = Campaign("hostile text on a terminal, 40 a trial", 13, run)
