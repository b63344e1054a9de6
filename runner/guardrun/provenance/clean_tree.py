"""The code of a run as it was, in a temporary folder: its commit, its changes, its untracked sources.

The repository itself is only read: the folder is a clone that shares its objects. What no version control
holds (data, environments) is linked, file by file, so that what the training makes anew stays here. A file
that is newer than the run is not linked: it is a result, or another version.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from guardrun.errors import UserError
from guardrun.events.paths import RunPaths

_GIT: Final = (
    "git",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "protocol.file.allow=always",
)
_GIT_S: Final = 600
_LARGE: Final = 10_000
"""A folder of more files, none of them newer than the run, is linked as a whole."""
_PASSED_OVER: Final = frozenset((".git", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache"))
_WHOLE: Final = frozenset(("node_modules",))


class CleanTree(NamedTuple):
    """A folder to train in."""

    scratch: Path
    """Temporary; everything of it is below, and it is to be removed."""
    root: Path
    original: Path
    linked: tuple[str, ...]
    """First parts of the paths that lead back to the original."""
    left_out: tuple[str, ...]
    """Files that are newer than the run, relative to the original."""

    def mapped(self, path: str) -> str:
        """Where a path below the original lies here, if it is one of the sources; else the path itself."""
        there = Path(path)
        if not there.is_absolute() or not there.is_relative_to(self.original):
            return path
        here = self.root / there.relative_to(self.original)
        return str(here) if os.path.lexists(here) and not _through_link(here, self.root) else path

    def remove(self) -> None:
        """The links go, never what they lead to."""
        shutil.rmtree(self.scratch, ignore_errors=True)


def build_tree(
    git: Mapping[str, Any], paths: RunPaths, *, started: float, data: Collection[Path], exclude: Path
) -> CleanTree:
    """The tree of a run. ``git`` is what its attempt recorded; ``started`` its time in unix seconds;
    ``data`` are paths that are linked however new they are; nothing below ``exclude`` (runs/) is.

    Raises UserError that says what is missing.
    """
    original = _original(git, paths)
    scratch = Path(tempfile.mkdtemp(prefix="guard-repeat-")).resolve()
    root = scratch / (original.name or "root")
    try:
        commit = git.get("commit")
        if commit:
            _check_out(original, root, str(commit))
            submodules = [one for one in git.get("submodules") or [] if isinstance(one, Mapping)]
            for submodule in submodules:
                name = str(submodule["path"])
                _check_out(original / name, root / name, str(submodule["commit"]))
            _apply(root, paths.git_diff, [str(one["path"]) for one in submodules])
        else:
            root.mkdir()
        if paths.untracked.is_dir():
            shutil.copytree(paths.untracked, root, dirs_exist_ok=True, symlinks=True)
        linker = _Linker(original, root, started, data, exclude)
        linker.link_all(_others(original) if commit else _entries(original))
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return CleanTree(scratch, root, original, tuple(sorted(linker.linked)), tuple(sorted(linker.left_out)))


def _original(git: Mapping[str, Any], paths: RunPaths) -> Path:
    run = paths.root.name
    if not git.get("root"):
        raise UserError(
            f"{run} recorded nothing about its code", hint="only runs started by guard can be repeated"
        )
    if git.get("diff_truncated"):
        raise UserError(
            f"{run} had more uncommitted changes than were kept: its code can't be brought back",
            hint="commit before a run that counts; on_dirty: refuse sees to it",
        )
    original = Path(str(git["root"]))
    if not original.is_dir():
        raise UserError(f"{original}, where {run} was started, is gone")
    if not git.get("commit"):
        if original in (Path("/"), Path.home(), Path(tempfile.gettempdir())):
            raise UserError(
                f"{run} ran in {original}, outside any project: its code can't be told from the rest"
            )
        if not paths.untracked.is_dir():
            raise UserError(f"{run} ran outside git, and none of its sources was kept")
    return original.resolve()


def _check_out(original: Path, root: Path, commit: str) -> None:
    _git("clone", "--quiet", "--shared", "--no-checkout", str(original), str(root), at=original)
    try:
        _git("checkout", "--quiet", "--detach", commit, at=root)
    except UserError as error:
        raise UserError(
            f"the commit {commit[:12]} is not in {original} any more", hint=error.message
        ) from None


def _apply(root: Path, diff: Path, submodules: list[str]) -> None:
    if not diff.is_file() or diff.is_symlink() or not diff.stat().st_size:
        return
    excluded = [f"--exclude={name}" for name in submodules]  # their commits are checked out already
    try:
        _git("apply", "--whitespace=nowarn", *excluded, str(diff.resolve()), at=root)
    except UserError as error:
        raise UserError("the recorded changes do not apply to their commit", hint=error.message) from None


def _others(original: Path) -> list[str]:
    """What git does not track, ignored or not; whole folders where nothing in them is tracked."""
    listed = _git("ls-files", "--others", "--directory", "-z", at=original)
    return [os.fsdecode(name).rstrip("/") for name in listed.split(b"\0") if name]


def _entries(original: Path) -> list[str]:
    return sorted(os.listdir(original))


def _git(*arguments: str, at: Path) -> bytes:
    environ = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environ |= {"GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            [*_GIT, *arguments], cwd=at, env=environ, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=_GIT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UserError(f"git {arguments[0]} failed: {error}") from None
    if done.returncode:
        text = done.stderr.decode("utf-8", "replace").strip()
        raise UserError(f"git {arguments[0]} failed: {text.removeprefix('fatal: ').removeprefix('error: ')}")
    return done.stdout


class _Linker:
    """Links what no version control holds, if it was there before the run."""

    def __init__(
        self, original: Path, root: Path, newest: float, data: Collection[Path], exclude: Path
    ) -> None:
        self._original = original
        self._root = root
        self._newest = newest
        self._data = [Path(os.path.abspath(path)) for path in data]
        self._exclude = exclude
        self.linked: set[str] = set()
        self.left_out: list[str] = []

    def link_all(self, names: list[str]) -> None:
        for name in names:
            path = self._original / name
            if path.is_dir() and not path.is_symlink():
                self._link_folder(path)
            else:
                self._link(path)

    def _link_folder(self, folder: Path) -> None:
        if folder.name in _PASSED_OVER or self._excluded(folder):
            return
        if folder.name in _WHOLE or (folder / "pyvenv.cfg").exists():
            self._link(folder)
            return
        files = list(self._files(folder))
        fresh = any(self._is_newer(path) for path in files)
        if len(files) > _LARGE and not fresh and not any(self._excluded(path) for path in files):
            self._link(folder)
            return
        for path in files:
            self._link(path)

    def _files(self, folder: Path) -> Iterator[Path]:
        for place, folders, files in os.walk(folder):
            folders[:] = [name for name in folders if name not in _PASSED_OVER]
            for name in list(folders):
                inner = Path(place, name)
                if inner.is_symlink() or (inner / "pyvenv.cfg").exists():
                    folders.remove(name)
                    yield inner
                elif self._excluded(inner):
                    folders.remove(name)
            for name in files:
                yield Path(place, name)

    def _link(self, path: Path) -> None:
        if self._excluded(path) or path.name in _PASSED_OVER:
            return
        name = path.relative_to(self._original)
        here = self._root / name
        if os.path.lexists(here) or _through_link(here.parent, self._root):
            return
        if self._is_newer(path):
            self.left_out.append(str(name))
            return
        here.parent.mkdir(parents=True, exist_ok=True)
        here.symlink_to(path)
        self.linked.add(name.parts[0])

    def _is_newer(self, path: Path) -> bool:
        if any(path.is_relative_to(one) for one in self._data) or (path / "pyvenv.cfg").exists():
            return False
        try:
            return os.lstat(path).st_mtime > self._newest
        except OSError:
            return True

    def _excluded(self, path: Path) -> bool:
        return path.is_relative_to(self._exclude) or (path / "run.json").is_file()


def _through_link(path: Path, root: Path) -> bool:
    """Whether the path, or a folder on the way to it from ``root``, is a link."""
    while path != root:
        if path.is_symlink():
            return True
        path = path.parent
    return False
