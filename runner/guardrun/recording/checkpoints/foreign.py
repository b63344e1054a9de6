"""Checkpoints of the training's own: what can be opened without running anything of them is looked at.

``model.safetensors`` (Hugging Face, Accelerate) and archives of ``torch.save`` that hold tensors and plain
Python alone (Lightning, most others). What holds other objects is whole by its hash, and not proved further.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from guardrun.events.untrusted import open_regular
from guardrun.recording.checkpoints.archive import MORE_THAN_DATA, check_content, inspect
from guardrun.recording.checkpoints.finite import nonfinite_word, tensors_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ARCHIVES: Final = frozenset((".bin", ".ckpt", ".pt", ".pth"))
_MODELS: Final = ("state_dict", "model", "model_state_dict", "module")
"""Under which names a checkpoint holds the model's weights."""
_BITS: Final = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F4": 4, "C64": 64,
    "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32, "U16": 16, "U8": 8, "BOOL": 8,
}  # fmt: skip
_MOST_HEADER: Final = 100_000_000
"""As the format's own library allows."""


class Looked(NamedTuple):
    """What a look into one file has brought."""

    opened: bool = False
    """Its tensors could be seen."""
    problem: str = ""
    """It is damaged, or the model's weights hold a NaN."""
    remark: str = ""


def examine(files: Iterable[str], answer: dict[str, Any]) -> str:
    """Look into files that are whole by their hashes; the first problem, or "".

    Sets the ``level`` of the proof to "hash" where nothing could be opened, and adds to its ``remarks``.
    """
    looks = {file: _look(Path(file)) for file in files}
    if not looks:
        return ""
    closed = [file for file, found in looks.items() if not (found.opened or found.remark)]
    answer["remarks"] += [f"{file}: {found.remark}" for file, found in looks.items() if found.remark]
    if len(closed) == 1:
        answer["remarks"].append(f"{closed[0]} is the training's own format: hash only")
    elif closed:
        names = ", ".join(sorted({os.path.basename(file) for file in closed})[:8])
        answer["remarks"].append(f"{len(closed)} files are the training's own format: hash only ({names})")
    if not any(found.opened for found in looks.values()):
        answer["level"] = "hash"
    return next((f"{file} {found.problem}" for file, found in looks.items() if found.problem), "")


def _look(file: Path) -> Looked:
    try:
        if file.suffix == ".safetensors":
            return _safetensors(file)
        if file.suffix in _ARCHIVES:
            return _archive(file)
    except OSError as error:
        return Looked(problem=f"can't be read: {error.strerror or error}")
    return Looked()


# -- safetensors


def _safetensors(file: Path) -> Looked:
    problem = _header_problem(file)
    if problem:
        return Looked(problem=problem)
    try:
        import torch  # noqa: F401
        from safetensors import safe_open
    except Exception:  # also a broken installation
        return Looked(remark="safetensors or PyTorch is not installed in this Python: header and sizes only")
    with safe_open(str(file), framework="pt", device="cpu") as opened:
        try:
            return _judged((name, opened.get_tensor(name)) for name in opened.keys())  # noqa: SIM118
        except Exception as error:  # types that this PyTorch has not
            return Looked(remark=f"header and sizes only: {' '.join(str(error).split())[:200]}")


def _header_problem(file: Path) -> str:
    """What is wrong with the header, by the format's own rules: names, types, and bytes without a gap."""
    with open(open_regular(file), "rb") as opened:
        size = os.fstat(opened.fileno()).st_size
        length = int.from_bytes(opened.read(8), "little")
        if size < 8 or not 2 <= length <= min(size - 8, _MOST_HEADER):
            return f"is no safetensors file: it says that its header has {length:,} bytes, of {size:,} in all"
        try:
            header = json.loads(opened.read(length))
            spans = sorted(_span(name, one) for name, one in header.items() if name != "__metadata__")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            return f"has a damaged header: {' '.join(str(error).split())[:200]}"
    end = 0
    for begin, after in spans:
        if begin != end:
            return f"has a damaged header: bytes {end:,} to {begin:,} belong to no tensor, or to two"
        end = after
    return "" if end == size - 8 - length else (
        f"holds {size - 8 - length:,} bytes of tensors, and its header tells of {end:,}"
    )  # fmt: skip


def _span(name: str, told: Any) -> tuple[int, int]:
    begin, end = told["data_offsets"]
    bits = math.prod(told["shape"]) * _BITS.get(told["dtype"], 0)
    if told["dtype"] in _BITS and bits != (end - begin) * 8:
        raise ValueError(f"{name} has {end - begin} bytes, which is not its shape's")
    return int(begin), int(end)


# -- torch.save


def _archive(file: Path) -> Looked:
    with open(open_regular(file), "rb") as opened:
        zipped = opened.read(4) == b"PK\x03\x04"
        opened.seek(0)
        if not zipped:  # torch.save of old, or anybody's format
            return Looked()
        try:
            instructions = inspect(opened)
        except ValueError as error:
            return _refused(error)
        try:
            import torch
        except Exception:
            return Looked(remark="PyTorch is not installed in this Python: hash only")
        same = f"/proc/self/fd/{opened.fileno()}"
        try:
            content = torch.load(
                same if os.path.exists(same) else str(file), map_location="cpu", weights_only=True, mmap=True
            )
            check_content(content, instructions)
        except Exception as error:
            return _refused(error)
    return _judged(_weights(file, content))


def _refused(error: Exception) -> Looked:
    """Objects of other kinds are nothing wrong; an archive that is torn is."""
    text = " ".join(str(error).split())[:300]
    if "no archive of PyTorch" in text and "data.pkl" not in text:
        return Looked(problem=text)
    kind = text.partition(MORE_THAN_DATA)[2].strip(" ()")
    if MORE_THAN_DATA in text:
        return Looked(remark=f"not proved, hash only: {MORE_THAN_DATA}{f' ({kind})' if kind else ''}")
    return Looked(remark=f"not proved, hash only: {text or type(error).__name__}")


def _weights(file: Path, content: Any) -> Iterator[tuple[str, Any]]:
    """The model's weights, as far as the file tells which they are."""
    if not isinstance(content, dict):
        return
    named = [content[name] for name in _MODELS if isinstance(content.get(name), dict)]
    if not named and file.name.startswith(("model", "pytorch_model")):
        named = [content]
    for state in named:
        yield from tensors_in(state)


def _judged(tensors: Iterable[tuple[str, Any]]) -> Looked:
    """A NaN is damage. An infinity may be a mask's: nobody tells here which of them are buffers."""
    remark = ""
    for name, tensor in tensors:
        word = nonfinite_word(tensor, nan_only=True)
        if word:
            return Looked(opened=True, problem=f"{name} holds {word}")
        if not remark and nonfinite_word(tensor):
            remark = f"{name} holds an infinity"
    return Looked(opened=True, remark=remark)
