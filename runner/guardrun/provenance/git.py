"""Which version of the code a run came from: commit, changes, untracked sources.

Reads only: no lock, no index refresh, no hook, no prompt; every call has a deadline.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

MAX_DIFF_BYTES = 2 * 1024 * 1024
MAX_FILE_BYTES = 256 * 1024
MAX_FILES = 200
MAX_TOTAL_BYTES = 8 * 1024 * 1024
DEADLINE_S = 10.0

_SOURCES = frozenset((
    ".py", ".pyx", ".pyi", ".yaml", ".yml", ".toml", ".cfg", ".ini", ".json", ".sh", ".txt", ".md", ".ipynb",
    ".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".hpp", ".rs", ".jl", ".r", ".lua", ".gin", ".jinja", ".sql",
))  # fmt: skip
_SECRET_NAME = re.compile(
    r"secret|credential|token(?!iz)|passw|private|\bid_(rsa|ed25519)|\.env", re.IGNORECASE
)
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "color.ui=false",
         "-c", "core.quotePath=false")  # fmt: skip


class GitFacts(NamedTuple):
    """Facts about a folder's repository; ``commit`` is None outside git, and ``problem`` says why."""

    commit: str | None
    branch: str | None
    """None: detached."""
    dirty: bool | None
    """Whether tracked files differ from the commit; None: unknown."""
    root: str | None
    diff: bytes
    """Changes of tracked files against the commit, cut at MAX_DIFF_BYTES."""
    diff_truncated: bool
    untracked: tuple[str, ...]
    """Untracked sources below the size limits, relative to ``root``."""
    untracked_skipped: int
    """Untracked files that were left out: too large, too many, no source, or named like a secret."""
    problem: str

    def as_json(self) -> dict[str, Any]:
        """For attempts/<n>.json: everything but the diff's text."""
        facts = self._asdict()
        del facts["diff"]
        return {**facts, "untracked": list(self.untracked), "diff_bytes": len(self.diff)}


class _GitProblem(Exception):
    pass


def git_facts(folder: str | Path, *, exclude: Path | None = None, deadline_s: float = DEADLINE_S) -> GitFacts:
    """Facts about the repository that holds ``folder``. Never raises, never waits past the deadline.

    ``exclude``: a folder (runs/) whose files are no sources.
    """
    git = _Git(Path(folder), time.monotonic() + deadline_s)
    root = commit = branch = None
    try:
        root = git.line("rev-parse", "--show-toplevel")
        if not root:
            raise _GitProblem("the repository has no working tree")
        commit = git.line("rev-parse", "--verify", "--quiet", "HEAD^{commit}", may_fail=True) or None
        branch = git.line("symbolic-ref", "--short", "--quiet", "HEAD", may_fail=True) or None
        diff, truncated = b"", False
        if commit:
            diff, truncated = git.output(
                "diff", "HEAD", "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short",
                "--ignore-submodules=dirty", limit=MAX_DIFF_BYTES,
            )  # fmt: skip
        listed, _ = git.output("ls-files", "--others", "--exclude-standard", "-z", "--full-name", ":/",
                               limit=4 * 1024 * 1024)  # fmt: skip
        untracked, skipped = _sources(Path(root), listed, exclude)
    except _GitProblem as error:
        return GitFacts(commit, branch, None, root, b"", False, (), 0, str(error))
    problem = "" if commit else "the repository has no commit yet"
    dirty = bool(diff) if commit else None
    return GitFacts(commit, branch, dirty, root, diff, truncated, untracked, skipped, problem)


def _sources(root: Path, listed: bytes, exclude: Path | None) -> tuple[tuple[str, ...], int]:
    """Those of the untracked files that are worth keeping, and how many are not."""
    names = [os.fsdecode(name) for name in listed.split(b"\0") if name]
    kept: list[str] = []
    total = skipped = 0
    for name in names:
        path = root / name
        if exclude is not None and path.is_relative_to(exclude):
            continue
        size = _source_size(path)
        if size is None or len(kept) >= MAX_FILES or total + size > MAX_TOTAL_BYTES:
            skipped += 1
            continue
        kept.append(name)
        total += size
    return tuple(kept), skipped


def _source_size(path: Path) -> int | None:
    """Size of a small regular source file; None for anything else."""
    if path.suffix.lower() not in _SOURCES or _SECRET_NAME.search(path.name) or path.is_symlink():
        return None
    try:
        size = path.stat().st_size
    except OSError:
        return None
    return size if size <= MAX_FILE_BYTES and path.is_file() else None


class _Git:
    """git in one folder, until one deadline."""

    def __init__(self, folder: Path, deadline: float) -> None:
        self._folder = folder
        self._deadline = deadline
        self._environ = {
            **{key: value for key, value in os.environ.items() if not key.startswith("GIT_")},
            "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat", "LC_ALL": "C",
        }  # fmt: skip

    def line(self, *arguments: str, may_fail: bool = False) -> str:
        output, _ = self.output(*arguments, limit=65536, may_fail=may_fail)
        return os.fsdecode(output.partition(b"\n")[0])

    def output(self, *arguments: str, limit: int, may_fail: bool = False) -> tuple[bytes, bool]:
        """At most ``limit`` bytes of git's output, and whether there was more. Raises _GitProblem."""
        if time.monotonic() >= self._deadline:
            raise _GitProblem("git took too long")
        try:
            process = subprocess.Popen(
                ["git", *_SAFE, *arguments], cwd=self._folder, env=self._environ, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError:
            missing = "git is not installed" if self._folder.is_dir() else "the folder does not exist"
            raise _GitProblem(missing) from None
        except OSError as error:
            raise _GitProblem(f"git cannot be started: {error.strerror}") from None
        late = threading.Event()
        timer = threading.Timer(self._deadline - time.monotonic(), _kill, (process, late))
        timer.daemon = True
        timer.start()
        try:
            return self._collect(process, limit, late, may_fail)
        finally:
            timer.cancel()
            if process.returncode is None:
                _kill(process, late)
                process.wait()
            for pipe in (process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()

    def _collect(
        self, process: subprocess.Popen[bytes], limit: int, late: threading.Event, may_fail: bool
    ) -> tuple[bytes, bool]:
        assert process.stdout is not None
        assert process.stderr is not None
        output = process.stdout.read(limit + 1)
        if len(output) > limit:
            return output[:limit], True
        complaint = process.stderr.read(4096).decode("utf-8", "replace").strip()
        status = process.wait()
        if late.is_set():
            raise _GitProblem("git took too long")
        if status != 0 and not may_fail:
            raise _GitProblem(_in_words(complaint))
        return output, False


def _in_words(complaint: str) -> str:
    if "not a git repository" in complaint:
        return "not a git repository"
    return complaint.partition("\n")[0].removeprefix("fatal: ") or "git failed"


def _kill(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    """Kill git and whatever it started (filters, helpers); it leads a session of its own.

    Only before git is reaped: until then no other group can have its number.
    """
    late.set()
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except OSError:
        pass
