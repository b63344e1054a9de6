"""Folders of a project that its interpreter imports from, so that another copy can come before them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Final

_ASK: Final = """
import importlib.metadata, json, os, sys
found = [path for path in sys.path if path and "site-packages" not in path]
for one in importlib.metadata.distributions():
    try:
        url = json.loads(one.read_text("direct_url.json") or "{}")
        if url.get("dir_info", {}).get("editable") and url["url"].startswith("file://"):
            place = url["url"][7:]
            found += [os.path.join(place, "src"), place]
    except Exception:
        pass
print(json.dumps([path for path in found if not path.startswith((sys.prefix, sys.base_prefix))]))
"""
_S: Final = 30


def import_paths(python: str, original: Path, copy: Path) -> list[str]:
    """Folders below ``copy`` that stand for those of ``original`` on the interpreter's path.

    An editable installation, or a PYTHONPATH, leads into the original: without this a training in the copy
    would import today's code. Never raises.
    """
    try:
        done = subprocess.run(
            [python, "-c", _ASK], cwd="/", capture_output=True, timeout=_S, check=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        told = [Path(str(path)) for path in json.loads(done.stdout)]
    except (OSError, subprocess.SubprocessError, ValueError):
        return []
    found = [copy / path.relative_to(original) for path in told if path.is_relative_to(original)]
    return list(dict.fromkeys(str(path) for path in found if path.is_dir()))
