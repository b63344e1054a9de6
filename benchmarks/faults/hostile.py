"""Hostile text in every string that a run can write: nothing of it acts, on a terminal or in a report."""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

from benchmarks.faults.campaign import Campaign, Row, Trials
from benchmarks.faults.hostile_texts import MARK, hostile_text
from benchmarks.faults.limits import command, in_memory, peak_mb, within_limits
from benchmarks.faults.mutated_run import make_run

_STRUCTURE: Final = frozenset(
    ("kind", "t", "seq", "schema", "writer", "id", "command", "sent", "expires", "phase")
)
"""Without these a line is no event and a file no command: nothing would be shown at all."""
_LOGS: Final = (".jsonl",)
_TEXTS: Final = ("console.log", "config.yaml", "git.diff", "supervisor.log")
COMMANDS: Final = (
    ("ls",), ("show",), ("show", "--json"), ("show", "--config"), ("signals",), ("signals", "--json"),
    ("audit", "--no-save"), ("compare",), ("watch", "--once"), ("stop",), ("ls", "--json"), ("note", "x"),
    ("audit", "--no-save", "--json"), ("compare", "--json"), ("show", "--config", "--json"),
)  # fmt: skip
PER_TRIAL: Final = 3
REPORT_EVERY: Final = 5


def infested(value: Any, text: str, chance: random.Random, name: str = "") -> Any:
    """The value with the hostile text in its strings, and under a key of its own."""
    if isinstance(value, dict):
        made = {key: infested(inner, text, chance, str(key)) for key, inner in value.items()}
        if chance.random() < 0.5:
            made[text] = chance.choice((text, 0.5, "NaN", [text], {text: text}))
        return made
    if isinstance(value, list):
        return [infested(inner, text, chance, name) for inner in value]
    if isinstance(value, str) and name not in _STRUCTURE:
        return chance.choice((text, value + text, text + value))
    return value


def infest(root: Path, texts: Sequence[str], chance: random.Random) -> None:
    """Every file of a run directory that holds words; of several texts each line and file has one."""
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        if path.suffix in _LOGS:
            lines = [
                _dumped(infested(json.loads(line), chance.choice(texts), chance))
                for line in path.read_bytes().splitlines()
            ]
            path.write_bytes(b"\n".join(lines) + b"\n")
        elif path.suffix == ".json":
            path.write_bytes(_dumped(infested(json.loads(path.read_bytes()), chance.choice(texts), chance)))
        elif path.name in _TEXTS:
            with path.open("ab") as file:
                for text in texts:
                    file.write(f"\n{text}: {text}\n{text}".encode("utf-8", "surrogatepass"))


def _dumped(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def acting_on_a_terminal(printed: str) -> str:
    """The characters that are no plain text; "" when there are none."""
    return "".join(sorted({char for char in printed if not (char.isprintable() or char == "\n")}))


class _Page(HTMLParser):
    """What of the hostile text a browser would take for markup."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"<{tag}>"] if MARK in tag or tag in ("script", "img", "iframe") else []
        self.found += [f"{tag} {name}={value}" for name, value in attrs if _is_hostile(name, value)]

    def handle_comment(self, data: str) -> None:
        self.found += [f"<!--{data}"] if MARK in data else []


def _is_hostile(name: str, value: str | None) -> bool:
    acts = name.startswith("on") or (name in ("href", "src") and not str(value).startswith("#"))
    return MARK in name or (acts and MARK in str(value))


def acting_in_a_page(page: str) -> list[str]:
    """Tags, attributes, comments and characters that come from the run and not from the report."""
    parser = _Page()
    parser.feed(page)
    odd = acting_on_a_terminal(page)
    return parser.found + ([f"characters {odd!a}"] if odd else [])


class Trial:
    """One text in every string of one run, looked at by some commands and, by turns, in a report."""

    def __init__(self, original: Path, folder: Path, number: int, chance: random.Random) -> None:
        self.text = hostile_text(number, chance)
        self.number = number
        self.root = folder / f"runs-{os.getpid()}" / original.name
        shutil.rmtree(self.root.parent, ignore_errors=True)
        shutil.copytree(original, self.root, symlinks=True)
        infest(self.root, [self.text], chance)
        self.problems: list[str] = []
        self.bytes_seen = 0
        self._page = ""

    def look(self) -> None:
        """Through the commands whose turn it is."""
        for turn in range(PER_TRIAL):
            words = COMMANDS[(self.number * PER_TRIAL + turn) % len(COMMANDS)]
            printed = command(words[0], str(self.root), *words[1:])
            self.bytes_seen += len(printed)
            odd = acting_on_a_terminal(printed)
            if odd:
                self.problems.append(f"guard {' '.join(words)} prints {odd!a}")
        if self.number % REPORT_EVERY == 0:
            self._report()

    def _report(self) -> None:
        page = self.root.parent / "report.html"
        printed = command("report", str(self.root), "-o", str(page))
        odd = acting_on_a_terminal(printed)
        if odd:
            self.problems.append(f"guard report prints {odd!a}")
        if not page.exists():
            self.problems.append(f"guard report wrote no page: {printed[:200]!r}")
            return
        self._page = page.read_text()

    def judge(self) -> None:
        """The page, by a parser that is slower than all the rest."""
        self.problems += [f"the report holds {one[:120]!r}" for one in acting_in_a_page(self._page)]


def run(row: Row, trials: Trials) -> None:
    """Each trial is one text in all strings of a real run."""
    seen: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="guard-hostile-", dir=in_memory()) as name:
        os.environ["XDG_CACHE_HOME"] = f"{name}/cache"
        folder = Path(name).resolve()
        original = make_run(folder).root
        Trial(original, folder, 0, random.Random(0)).look()  # imports, which are no part of a trial
        for number, chance in trials:
            trial = Trial(original, folder, number, chance)
            problem = within_limits(trial.look, memory_before=peak_mb())
            trial.judge()
            row.trials += 1
            seen["characters printed"] += trial.bytes_seen
            found = trial.problems + ([problem] if problem else [])
            row.violations += [f"trial {number} ({trial.text[:60]!a}): {one}" for one in found]
    row.facts.append(", ".join(f"{count:,} {what}" for what, count in seen.items()))


CAMPAIGN = Campaign("hostile text", 500, run)
