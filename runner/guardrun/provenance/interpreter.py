"""What a Python interpreter has installed, without importing any of it.

Standard library only and no relative imports: guard also runs this file with the interpreter of the
training, when that is another one, and reads the JSON that it prints.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import re
import sys
from typing import Any

_MAX_PACKAGES = 2000
_HEADER = re.compile(r"^(name|version):[ \t]*(\S.*?)[ \t]*$", re.M | re.I)
_ASSIGNMENT = re.compile(
    r"^(__version__|cuda|hip|git_version)\b[^=]*=\s*(?:'([^']*)'|\"([^\"]*)\"|None)", re.M
)


def interpreter_facts() -> dict[str, Any]:
    """Version, path, packages with versions, and the build of torch, of the running interpreter."""
    found = packages()
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        "packages": found,
        "torch": torch_build(found),
    }


def packages() -> dict[str, str]:
    """Installed distributions, name -> version, sorted. A broken one is left out."""
    found: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        try:
            name, version = _name_and_version(distribution)
        except Exception:  # metadata half removed
            continue
        # The first on sys.path is the one that an import finds.
        if name and version and len(found) < _MAX_PACKAGES:
            found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)
    return dict(sorted(found.items()))


def _name_and_version(distribution: importlib.metadata.Distribution) -> tuple[str, str]:
    """From the head of its metadata: the email parser behind ``distribution.version`` goes through the whole,
    which for a few hundred packages takes each start of a run a tenth of a second.
    """
    text = distribution.read_text("METADATA")
    if text is None:  # an egg
        return distribution.metadata["Name"], distribution.version
    found: dict[str, str] = {}
    for key, value in _HEADER.findall(text.partition("\n\n")[0]):
        found.setdefault(key.lower(), value)
    return found["name"], found["version"]


def torch_build(installed: dict[str, str]) -> dict[str, Any] | None:
    """torch's version, CUDA (or ROCm) and cuDNN, read from its version.py; None when it is not installed.

    Importing torch takes more than a second and may touch the GPU; its version file says the same.
    """
    if "torch" not in installed:
        return None
    build: dict[str, Any] = {"version": installed["torch"], "cuda": None, "hip": None, "cudnn": None}
    for name, version in installed.items():
        if name.startswith("nvidia-cudnn"):
            build["cudnn"] = version
    try:
        spec = importlib.util.find_spec("torch")
        folder = os.path.dirname(spec.origin) if spec is not None and spec.origin else ""
        with open(os.path.join(folder, "version.py"), encoding="utf-8") as file:
            text = file.read(16384)
    except (OSError, ValueError, ImportError):
        return build
    for key, single, double in _ASSIGNMENT.findall(text):
        build["version" if key == "__version__" else key] = single or double or None
    return build


if __name__ == "__main__":
    print(json.dumps(interpreter_facts()))
