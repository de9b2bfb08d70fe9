"""The benchmark's ratios must not exceed their goals. They are usually far below, so this passes on a busy machine too."""

import json
import subprocess
import sys

from module_support import TOP


def test_the_benchmarks_ratios_do_not_exceed_their_goals():
    command = [sys.executable, str(TOP / "bench/python/module.py"), "--short", "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    goals = {name: line for name, line in found.items() if line["goal"] is not None}
    assert len(goals) == 6
    for name, line in goals.items():
        assert line["ratio"] <= line["goal"], (name, line)
