"""IPython without a notebook: it too shows exceptions itself and goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys

SESSION = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
for cell in (
    "import guardrun; run = guardrun.start('shell')",
    "for batch in run.steps(range(9)):\\n    run.log(loss=1.0)\\n    if run.step == 3: 1 / 0",
    "again = guardrun.start('again')",
    "for batch in again.steps(range(9)):\\n    again.log(loss=1.0)\\n    raise KeyboardInterrupt",
    "third = guardrun.start('third')",
    "for batch in third.steps(range(9)):\\n    third.log(loss=1.0)",
    "undefined",
):
    shell.run_cell(cell, store_history=False)
"""


def test_a_training_that_failed_or_was_interrupted_in_a_cell_is_none_that_finished(tmp_path):
    environment = {**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")}
    done = subprocess.run(
        [sys.executable, "-c", SESSION],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    ends = {}
    for file in tmp_path.glob("runs/*/events.jsonl"):
        end = json.loads(file.read_bytes().splitlines()[-1])
        ends[json.loads((file.parent / "run.json").read_bytes())["name"]] = (end["status"], end["reason"])
    assert ends == {
        "shell": ("failed", "exception"),
        "again": ("stopped", "stop:sigint"),
        "third": ("finished", "completed"),
    }
