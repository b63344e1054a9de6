"""What a repeat came to, as text for people and as JSON."""

from __future__ import annotations

import os
from typing import Any, Final

from guardrun.cli.reproducing import Past, Repeated
from guardrun.cli.sibling_runs import Sibling
from guardrun.cli.terminal import styled
from guardrun.following.as_json import json_ready
from guardrun.provenance.clean_tree import CleanTree
from guardrun.reading.plain_text import plain
from guardrun.series.difference import Difference

_LABEL: Final = 12
_NAMED: Final = 6


def code_lines(past: Past, tree: CleanTree, sibling: Sibling) -> list[str]:
    """What the repeat is made of, before it starts."""
    git = past.attempt.get("git") or {}
    parts = [f"commit {str(git['commit'])[:12]}" if git.get("commit") else "no commit: the kept sources"]
    if git.get("diff_bytes"):
        parts.append("its recorded changes")
    if git.get("commit") and git.get("untracked"):
        many = len(git["untracked"])
        parts.append(f"{many} untracked {'source' if many == 1 else 'sources'}")
    lines = [_line("repeat of", past.paths.root.name), _line("code", ", ".join(parts))]
    if tree.linked:
        lines.append(_line("linked", f"{_some(tree.linked)} (of {tree.original}, read-only)"))
    if tree.left_out:
        lines.append(_line("left out", f"{_some(tree.left_out)}: newer than the run"))
    if not past.seeded and past.attempt.get("library"):
        lines.append(_line("seed", "the run recorded none: call run.seed() in the script"))
    steps = [word for word in sibling.loaded.overrides if word.startswith("budget.steps=")]
    if steps:
        lines.append(_line("as far as", f"step {steps[-1].partition('=')[2]}, where the run ended"))
    return lines


def report(repeated: Repeated) -> list[str]:
    """The verdict, and where to look when the numbers differ."""
    verdict, ended = repeated.verdict, repeated.ended
    lines = [""]
    if verdict.equal:
        said = f"equal: {verdict.compared:,} values of {verdict.curves} curves, step by step"
        lines.append(styled(said, "green", "bold"))
    else:
        lines.append(styled("not equal", "red", "bold"))
        if verdict.first is not None:
            lines.append(_line("first", _difference(verdict.first)))
        share = f"{verdict.differing:,} values differ of {verdict.compared:,}"
        lines.append(_line("how much", f"{share}, in {_some(verdict.differing_curves)}"))
        if ended.exit_code != 0:
            lines.append(_line("training", f"{ended.status}: {ended.error or ended.reason}"))
            if repeated.tree.left_out:
                missing = f"{_some(repeated.tree.left_out)} (newer than the run) may be what it missed"
                lines.append(_line("", missing))
        lines += [_line("environment" if not at else "", text) for at, text in enumerate(repeated.changes)]
        if not repeated.changes:
            lines.append(_line("environment", "as it was, as far as it is recorded"))
    if repeated.past.machine_curves:
        lines.append(_line("not compared", _some(repeated.past.machine_curves)))
    if repeated.wrote:
        lines.append(
            _line("changed", f"{_some(repeated.wrote)}, which are linked from the original", "yellow")
        )
    elif repeated.tree.linked and not repeated.sealed:
        lines.append(_line("note", "this kernel can't keep linked files read-only; none of them changed"))
    if ended.path is not None:
        lines.append(_line("directory", os.path.relpath(ended.path)))
    return lines


def report_json(repeated: Repeated, exit_code: int) -> dict[str, Any]:
    """The same as one document."""
    verdict, ended = repeated.verdict, repeated.ended
    first = verdict.first
    document: dict[str, Any] = json_ready({
        "run": repeated.past.paths.root.name,
        "repeat": {
            "run_id": ended.path.name if ended.path else None,
            "path": str(ended.path) if ended.path else None,
            "status": ended.status, "reason": ended.reason, "error": ended.error,
        },
        "equal": verdict.equal, "exit_code": exit_code,
        "compared": verdict.compared, "differing": verdict.differing, "curves": verdict.curves,
        "differing_curves": list(verdict.differing_curves),
        "first_difference": None if first is None else {
            "name": first.name, "step": first.step, "was": first.was, "now": first.now,
        },
        "not_compared": list(repeated.past.machine_curves),
        "environment_changes": list(repeated.changes),
        "linked": list(repeated.tree.linked), "left_out": list(repeated.tree.left_out),
        "read_only": repeated.sealed, "changed_files": list(repeated.wrote),
    })  # fmt: skip
    return document


def _difference(first: Difference) -> str:
    at = f"{first.name} at step {first.step:,.0f}"
    if first.now is None:
        return f"{at}: the repeat has no such value (was {first.was!r})"
    if first.was is None:
        return f"{at}: only the repeat has a value ({first.now!r})"
    return f"{at}: was {first.was!r}, is {first.now!r}"


def _line(label: str, text: str, *styles: str) -> str:
    return styled(f"{label:<{_LABEL}} ", "dim") + styled(plain(text), *styles)


def _some(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown or "none"
