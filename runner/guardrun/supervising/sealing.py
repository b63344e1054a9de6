"""Make a folder read-only for a program, then become that program.

``python sealing.py FOLDER WRITABLE… -- PROGRAM ARGUMENT…``. By Landlock (Linux 5.13; see
https://docs.kernel.org/userspace-api/landlock.html): no rights are needed, children inherit it, and nothing
outside this process changes. Landlock lists what may be written, so everything beside the folder and beside
its parents is listed: new entries directly in one of its parents can't be made. Where the kernel has no
Landlock the program runs unprotected; ``available`` tells.

Standard library only: it is run as a file.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
import tempfile

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES = 38
_WRITE, _TRUNCATE, _REFER = 1 << 1, 1 << 14, 1 << 13
_MAKE_AND_REMOVE = sum(1 << bit for bit in range(4, 13))


def available() -> int:
    """The version of Landlock that this kernel offers; 0 for none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, int(_libc().syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION_FLAG)))


def seal(folder: str, writable: list[str]) -> bool:
    """Make ``folder`` read-only for this process and its children, but for what is ``writable`` in it.

    False where the kernel can't. Irrevocable.
    """
    version = available()
    if not version:
        return False
    rights = _WRITE | _MAKE_AND_REMOVE | (_REFER if version > 1 else 0) | (_TRUNCATE if version > 2 else 0)
    libc = _libc()
    attributes = struct.pack("=Q", rights)
    rules = libc.syscall(_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    if rules < 0:
        return False
    try:
        for path in [*_beside(os.path.realpath(folder)), *map(os.path.realpath, writable)]:
            _allow(libc, rules, path, rights)
        libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
        return bool(libc.syscall(_RESTRICT, rules, 0) == 0)
    finally:
        os.close(rules)


def _beside(folder: str) -> list[str]:
    """Every entry of every parent of the folder that does not lead to it. A link may lead into it; what it
    leads to elsewhere is beside the folder by itself.
    """
    found = []
    while (parent := os.path.dirname(folder)) != folder:
        try:
            entries = [os.path.join(parent, name) for name in os.listdir(parent)]
        except OSError:
            entries = []
        found += [entry for entry in entries if entry != folder and not os.path.islink(entry)]
        folder = parent
    return found


def _allow(libc: ctypes.CDLL, rules: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, getattr(os, "O_PATH", 0) | os.O_CLOEXEC)
    except OSError:
        return
    try:
        allowed = rights if os.path.isdir(path) else rights & (_WRITE | _TRUNCATE)
        libc.syscall(_ADD, rules, _PATH_BENEATH, struct.pack("=Qi", allowed, fd), 0)
    finally:
        os.close(fd)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def main(words: list[str]) -> None:
    """Seal, then execute what stands behind ``--``."""
    at = words.index("--")
    folder, writable, program = words[0], words[1:at], words[at + 1 :]
    temporary = os.path.realpath(tempfile.gettempdir())
    if os.path.realpath(folder).startswith(temporary + os.sep) and writable:
        # Nothing new could be made directly in it.
        os.environ["TMPDIR"] = tempfile.mkdtemp(prefix="tmp-", dir=writable[0])
    seal(folder, writable)
    try:
        os.execvp(program[0], program)
    except OSError as error:
        print(f"guard: cannot start {program[0]}: {error.strerror}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
