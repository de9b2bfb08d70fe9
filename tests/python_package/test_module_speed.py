"""The benchmark's ratios stay below their goals. They are far below them, so that a busy machine does not fail this."""

import json
import subprocess
import sys

from module_support import TOP


def test_the_goals_are_kept():
    command = [sys.executable, str(TOP / "bench/python/module.py"), "--short", "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    goals = {name: line for name, line in found.items() if line["goal"] is not None}
    assert len(goals) == 3
    for name, line in goals.items():
        assert line["ratio"] <= line["goal"], (name, line)
