"""What happens to the disk of one trial, and how it ends."""

from __future__ import annotations

import errno
import mmap
import os
import random
import resource
import shutil
import struct
import subprocess
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Final

UNLIMITED: Final = resource.RLIM_INFINITY
SIZE: Final = "3m"
_IMAGE_BYTES: Final = 8 * 1024 * 1024


class Fault(ABC):
    """One disk below ``root``; ``strike`` while the training ``pid`` runs, ``heal`` perhaps."""

    name = ""
    lasting = False
    """It can't be healed: what is on the disk afterwards is not what the training wrote."""
    heals = True
    """``heal`` makes it work again; else it stays as it is, and can be looked at all the same."""

    def __init__(self, root: Path, chance: random.Random) -> None:
        self.root = root
        self.chance = chance

    def prepare(self) -> None:
        """Before the training begins."""
        self.root.mkdir()

    @abstractmethod
    def strike(self, pid: int, run: Path) -> None:
        """The disk of the run directory ``run`` fails from now on."""

    def heal(self, pid: int, run: Path) -> None:
        """It works again; where that can't be, nothing."""
        return

    def clear(self) -> None:
        """After the trial."""
        shutil.rmtree(self.root, ignore_errors=True)


class _Mounted(Fault):
    def prepare(self) -> None:
        super().prepare()
        words = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(self.root)]
        subprocess.run(words, check=True, capture_output=True)

    def clear(self) -> None:
        subprocess.run(["umount", "-l", str(self.root)], check=False, capture_output=True)
        super().clear()


class FullDisk(_Mounted):
    """A small file system without a byte left, or with a few."""

    name = "full disk"

    def strike(self, pid: int, run: Path) -> None:
        facts = os.statvfs(self.root)
        free = facts.f_bavail * facts.f_frsize
        leave = self.chance.choice((0, 0, 4096, 100_000))
        try:
            (self.root / "ballast").write_bytes(bytes(max(0, free - leave)))
        except OSError:
            pass  # the training was faster: it is full all the same

    def heal(self, pid: int, run: Path) -> None:
        (self.root / "ballast").unlink(missing_ok=True)


class LostDisk(_Mounted):
    """The file system is unmounted below its writers: names lead to an empty folder from now on."""

    name = "unmounted disk"
    lasting = True

    def strike(self, pid: int, run: Path) -> None:
        subprocess.run(["umount", "-l", str(self.root)], check=True, capture_output=True)


class ReadOnlyMount(Fault):
    """A file system of its own that the kernel remounts read-only in mid-run, as ext4 does after an error.

    ``mount -o remount,ro`` would be refused: files are open for writing. The kernel asks nobody.
    """

    name = "remounted read-only"
    heals = False

    def prepare(self) -> None:
        super().prepare()
        with open(self._image, "wb") as image:
            image.truncate(_IMAGE_BYTES)
        words = ["mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", str(self._image)]
        subprocess.run(words, check=True, capture_output=True)
        words = ["mount", "-o", "loop,errors=remount-ro", str(self._image), str(self.root)]
        subprocess.run(words, check=True, capture_output=True)

    def strike(self, pid: int, run: Path) -> None:
        device = os.stat(self.root).st_dev
        name = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve().name
        Path(f"/sys/fs/ext4/{name}/trigger_fs_error").write_text("an error of the disk")

    def clear(self) -> None:
        subprocess.run(["umount", "-l", str(self.root)], check=False, capture_output=True)
        self._image.unlink(missing_ok=True)
        super().clear()

    @property
    def _image(self) -> Path:
        return self.root.with_name(f"{self.root.name}.img")


class SizeLimit(Fault):
    """RLIMIT_FSIZE: a write ends short, and the next one fails with EFBIG."""

    name = "RLIMIT_FSIZE"

    def strike(self, pid: int, run: Path) -> None:
        size = max(path.stat().st_size for path in run.glob("events.jsonl"))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size + self.chance.randrange(1, 400), UNLIMITED))

    def heal(self, pid: int, run: Path) -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (UNLIMITED, UNLIMITED))


class _Layered(Fault):
    code = 0
    short = 0

    def _switch(self, code: int, short: int) -> None:
        with open(os.environ["FAULTY_DISK_SWITCH"], "r+b") as file, mmap.mmap(file.fileno(), 16) as switch:
            switch[:12] = struct.pack("iii", code, 0, short)

    def strike(self, pid: int, run: Path) -> None:
        self._switch(self.code, self.short and self.chance.randrange(1, self.short))

    def heal(self, pid: int, run: Path) -> None:
        self._switch(0, 0)

    def clear(self) -> None:
        self._switch(0, 0)
        super().clear()


class ReadOnly(_Layered):
    """Every change fails with EROFS, that of open files too, as after a file system's own error."""

    name, code = "read-only", errno.EROFS


class InputOutputError(_Layered):
    """Every change fails with EIO."""

    name, code = "EIO", errno.EIO


class ShortWrites(_Layered):
    """Every write(2) ends early, at a number of bytes that is less than a line."""

    name, short = "short writes", 150


class Vanished(Fault):
    """Somebody deletes the run directory."""

    name = "vanished directory"
    lasting = True

    def strike(self, pid: int, run: Path) -> None:
        shutil.rmtree(run, ignore_errors=True)


class Moved(Fault):
    """Somebody moves the run directory elsewhere: who holds its files open writes there."""

    name = "moved directory"
    lasting = True

    def strike(self, pid: int, run: Path) -> None:
        run.rename(run.with_name("elsewhere"))


def possible() -> list[type[Fault]]:
    """The faults that this process can make: a layer for some, mounts of its own for others."""
    found: list[type[Fault]] = [SizeLimit, Vanished, Moved]
    if "LD_PRELOAD" in os.environ:
        found += [ReadOnly, InputOutputError, ShortWrites]
    return found + [fault for fault in (FullDisk, LostDisk, ReadOnlyMount) if _can_make(fault)]


def _can_make(fault: type[Fault]) -> bool:
    """Whether this process may mount such a disk and make it fail; root of a container may not."""
    with tempfile.TemporaryDirectory() as folder:
        trial = fault(Path(folder) / "trial", random.Random(0))
        try:
            trial.prepare()
            trial.strike(os.getpid(), trial.root)
        except (OSError, subprocess.CalledProcessError):
            return False
        finally:
            trial.clear()
    return True
