"""What a checkpoint's file may hold, told before PyTorch is let near it, and after.

``weights_only=True`` lets nothing run, but it lets a small file ask for much: a ``bytearray`` of any size,
parts squeezed to a thousandth, tensors that claim more elements than are stored, lists that hold one another.
What guard writes needs none of that, so anything of the kind is refused.
"""

from __future__ import annotations

import os
import pickletools
import re
import zipfile
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MORE_THAN_DATA: Final = "it holds more than tensors and plain Python data"
_MOST_PICKLE: Final = 256 * 1024 * 1024
_MOST_ENTRIES: Final = 1_000_000
_DEEPEST: Final = 300
"""Guard reduces state to 100 levels, each of at most two containers."""
_REPEATS: Final = 8
"""Values looked at for each instruction: reduced state shares no lists, so one each would do."""
_ALLOWED: Final = frozenset(
    (
        "collections OrderedDict", "torch Size", "torch.serialization _get_layout",
        "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_tensor_v3",
        "torch._utils _rebuild_parameter", "torch._utils _rebuild_sparse_tensor",
        "torch._utils _rebuild_qtensor", "torch per_tensor_affine", "torch per_channel_affine",
    )
)  # fmt: skip
_KINDS: Final = re.compile(
    r"torch(\.storage)? \w*Storage|torch (q?u?int\d+(x\d+)?|b?float\w+|half|double|bool|complex\w+)"
)
"""Storages and types of elements."""
_NAMES: Final = frozenset(("GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"))


def inspect(file: BinaryIO) -> int:
    """The number of instructions by which an archive builds its content; ``file`` stays at its start.

    Raises ValueError for what is no archive of PyTorch, is compressed, or asks for anything but data.
    """
    size = os.fstat(file.fileno()).st_size
    try:
        with zipfile.ZipFile(file) as archive:
            data = _instructions(archive, size)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, KeyError) as error:
        raise ValueError(f"can't be loaded: it is no archive of PyTorch ({_brief(error)})") from error
    file.seek(0)
    return sum(1 for _ in _checked(data))


def _instructions(archive: zipfile.ZipFile, size: int) -> bytes:
    entries = archive.infolist()
    if len(entries) > _MOST_ENTRIES or sum(one.file_size for one in entries) > size:
        raise ValueError("can't be loaded: its parts claim more bytes than the file has")
    if any(one.compress_type != zipfile.ZIP_STORED for one in entries):
        raise ValueError("can't be loaded: it is compressed, which guard's checkpoints never are")
    pickles = [one for one in entries if one.filename.endswith("/data.pkl")]
    if len(pickles) != 1 or pickles[0].file_size > _MOST_PICKLE:
        raise ValueError("can't be loaded: it is no archive of PyTorch (no data.pkl, or several)")
    return archive.read(pickles[0])


def _checked(data: bytes) -> Iterator[None]:
    try:
        for operation, argument, _ in pickletools.genops(data):
            if operation.name in _NAMES and not (argument in _ALLOWED or _KINDS.fullmatch(str(argument))):
                name = ascii(str(argument).replace(" ", "."))[1:80].rstrip("'")
                raise ValueError(f"can't be loaded: {MORE_THAN_DATA} ({name})")
            yield
    except ValueError as error:
        if MORE_THAN_DATA in str(error):
            raise
        raise ValueError(f"can't be loaded: its data.pkl is damaged ({_brief(error)})") from error


def check_content(content: Any, instructions: int) -> None:
    """Raise ValueError where walking the content would cost more than its file: lists that hold one another,
    tensors that repeat a few stored elements without end.
    """
    left = _REPEATS * instructions + 1000
    stack: list[tuple[Any, int]] = [(content, 0)]
    while stack:
        value, depth = stack.pop()
        inner = _inner(value)
        left -= len(inner)
        if left < 0 or depth > _DEEPEST:
            raise ValueError("can't be loaded: its lists hold one another again and again")
        stack.extend((one, depth + 1) for one in inner)


def _inner(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    if isinstance(value, list | tuple):
        return list(value)
    if hasattr(value, "untyped_storage"):
        _check_tensor(value)
    return []


def _check_tensor(tensor: Any) -> None:
    if str(tensor.layout) == "torch.sparse_coo":
        _check_tensor(tensor._indices())
        _check_tensor(tensor._values())
        return
    if str(tensor.layout) != "torch.strided":
        _check_tensor(tensor.values())
        return
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise ValueError("can't be loaded: a tensor claims more elements than are stored")


def _brief(error: BaseException) -> str:
    return ascii(" ".join(str(error).split())[:120])[1:-1] or type(error).__name__
