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
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from guardrun.provenance.secrets import without_secrets
from guardrun.provenance.sources import CODE, find_sources, hash_of

MAX_DIFF_BYTES = 2 * 1024 * 1024
MAX_FILE_BYTES = 256 * 1024
MAX_FILES = 200
MAX_TOTAL_BYTES = 8 * 1024 * 1024
DEADLINE_S = 10.0

NO_REPOSITORY = "not a git repository"
NO_GIT = "git is not installed"
_SUBMODULE = re.compile(r"^[ +U]([0-9a-f]{40,64}) (.+?)(?: \([^)]*\))?$")

_SOURCES = CODE | {".json", ".txt", ".md", ".jinja", ".sql"}
_SOURCES_S = 2.0
"""At most so long the sources are looked for where there is no repository."""
_SECRET_NAME = re.compile(
    r"secret|credential|token(?!iz)|passw|private|\bid_(rsa|ed25519)|\.env", re.IGNORECASE
)
_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "color.ui=false",
         "-c", "core.quotePath=false")  # fmt: skip


_CHANGED = re.compile(r"^diff --git a/(.+?) b/", re.M)


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
    submodules: tuple[dict[str, Any], ...] = ()
    """``{"path", "commit", "dirty"}`` of each one that is checked out; ``diff`` holds their changes."""
    remote: str | None = None
    """Where ``origin`` lies, without what may be a password."""
    code_sha256: str | None = None
    """One hash of commit, diff and untracked code, of the sources alone outside git: equal code, equal
    hash. None: not everything could be read."""
    untracked_left_out: tuple[str, ...] = ()
    """Untracked code that was not kept, for its size or number: nothing brings it back."""

    @property
    def uncommitted(self) -> str:
        """What a commit alone would not bring back, in words; "" when it brings back everything."""
        if self.commit is None:
            return f"no commit tells the code: {self.problem}"
        parts = []
        if self.dirty:
            changed = sorted(set(_CHANGED.findall(self.diff.decode("utf-8", "replace"))))
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            parts.append(f"changes in {', '.join(changed[:3]) or 'tracked files'}{more}")
        code = _code(self.untracked)
        if code:
            more = f" and {len(code) - 3} more" if len(code) > 3 else ""
            parts.append(f"untracked {', '.join(code[:3])}{more}")
        lost = self.untracked_left_out
        if lost:
            more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
            parts.append(f"untracked and too large or too many to keep: {', '.join(lost[:3])}{more}")
        return "; ".join(parts)

    def as_json(self) -> dict[str, Any]:
        """For attempts/<n>.json: everything but the diff's text."""
        facts = self._asdict()
        del facts["diff"]
        return {
            **facts, "untracked": list(self.untracked), "submodules": list(self.submodules),
            "untracked_left_out": list(self.untracked_left_out),
            "diff_bytes": len(self.diff),
        }  # fmt: skip


def _code(names: Iterable[str]) -> list[str]:
    """Without the texts that are kept beside the code: a log that grows is no other code."""
    return [name for name in names if Path(name).suffix.lower() in CODE]


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
        submodules = _submodules(git, Path(root))
        diff, truncated = _diff(git, submodules) if commit else (b"", False)
        listed, _ = git.output("ls-files", "--others", "--exclude-standard", "-z", "--full-name", ":/",
                               limit=4 * 1024 * 1024)  # fmt: skip
        untracked, skipped, lost = _sources(Path(root), listed, exclude)
        remote = without_secrets(git.line("remote", "get-url", "origin", may_fail=True)) or None
    except _GitProblem as error:
        outside = error.args[0] in (NO_REPOSITORY, NO_GIT)
        if outside:
            return _outside_git(Path(folder), exclude, str(error))
        return GitFacts(commit, branch, None, root, b"", False, (), 0, str(error))
    problem = "" if commit else "the repository has no commit yet"
    dirty = bool(diff) if commit else None
    code = (
        None
        if truncated
        else hash_of(Path(root), [*_code(untracked), *lost], (commit or "").encode() + b"\0" + diff)
    )
    return GitFacts(
        commit, branch, dirty, root, diff, truncated, untracked, skipped, problem, submodules, remote, code,
        lost,
    )  # fmt: skip


def _outside_git(folder: Path, exclude: Path | None, problem: str) -> GitFacts:
    """The sources themselves, where no commit names them."""
    folder = folder.resolve()
    found = find_sources(folder, exclude=exclude, deadline=time.monotonic() + _SOURCES_S)
    kept, skipped, lost = _keepable(folder, found.files, exclude)
    code = hash_of(folder, found.files) if found.complete and found.files else None
    return GitFacts(None, None, None, str(folder), b"", False, kept, skipped, problem,
                    code_sha256=code, untracked_left_out=lost)  # fmt: skip


def _submodules(git: _Git, root: Path) -> tuple[dict[str, Any], ...]:
    """Those that are checked out, nested ones included."""
    if not (root / ".gitmodules").is_file():
        return ()
    listed, _ = git.output("submodule", "status", "--recursive", limit=1024 * 1024, may_fail=True, at=root)
    found = []
    for line in listed.decode("utf-8", "replace").splitlines():
        match = _SUBMODULE.match(line)
        if match and line[:1] != "-":
            found.append({"path": match[2], "commit": match[1], "dirty": False})
    return tuple(found)


def _diff(git: _Git, submodules: tuple[dict[str, Any], ...]) -> tuple[bytes, bool]:
    """Changes against the commit, those within submodules as well (noted in them), and whether cut.

    Changed binary files are in it as far as there is room; else the text alone, which is then not all.
    """
    style = ("diff", "HEAD", "--no-ext-diff", "--no-textconv", "--no-color", "--submodule=short",
             "--ignore-submodules=dirty")  # fmt: skip
    diff, truncated = git.output(*style, "--binary", limit=MAX_DIFF_BYTES)
    if truncated:
        return git.output(*style, limit=MAX_DIFF_BYTES)[0], True
    for submodule in submodules:
        path = submodule["path"]
        more, cut = git.output(
            "-C", path, *style, "--binary", f"--src-prefix=a/{path}/", f"--dst-prefix=b/{path}/",
            limit=MAX_DIFF_BYTES - len(diff), may_fail=True, at=git.top(),
        )  # fmt: skip
        submodule["dirty"] = bool(more)
        diff, truncated = diff + more, truncated or cut
    return diff, truncated


_Kept = tuple[tuple[str, ...], int, tuple[str, ...]]
"""What is kept, how many are not, and which of those are code."""


def _sources(root: Path, listed: bytes, exclude: Path | None) -> _Kept:
    """Those of the untracked files that are worth keeping."""
    return _keepable(root, [os.fsdecode(name) for name in listed.split(b"\0") if name], exclude)


def _keepable(root: Path, names: Iterable[str], exclude: Path | None) -> _Kept:
    kept: list[str] = []
    lost: list[str] = []
    total = skipped = 0
    for name in names:
        path = root / name
        if exclude is not None and path.is_relative_to(exclude):
            continue
        size = _source_size(path)
        if size is None or len(kept) >= MAX_FILES or total + size > MAX_TOTAL_BYTES:
            skipped += 1
            if _is_code(path):
                lost.append(name)
            continue
        kept.append(name)
        total += size
    return tuple(kept), skipped, tuple(lost)


def _is_code(path: Path) -> bool:
    """Whether a training may have run it: nothing imports a notebook, which is large by its pictures."""
    suited = path.suffix.lower() in CODE - {".ipynb"} and _SECRET_NAME.search(path.name) is None
    return suited and path.is_file() and not path.is_symlink()


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

    def top(self) -> Path:
        return Path(self.line("rev-parse", "--show-toplevel"))

    def output(
        self, *arguments: str, limit: int, may_fail: bool = False, at: Path | None = None
    ) -> tuple[bytes, bool]:
        """At most ``limit`` bytes of git's output, and whether there was more. Raises _GitProblem.

        ``at``: another folder than the one that was asked for.
        """
        if time.monotonic() >= self._deadline:
            raise _GitProblem("git took too long")
        try:
            process = subprocess.Popen(
                ["git", *_SAFE, *arguments], cwd=at or self._folder, env=self._environ,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                start_new_session=True,
            )  # fmt: skip
        except FileNotFoundError:
            missing = NO_GIT if self._folder.is_dir() else "the folder does not exist"
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
        return NO_REPOSITORY
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
