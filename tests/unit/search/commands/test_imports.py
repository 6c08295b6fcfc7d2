"""What the verbs that only read studies bring along, and what not."""

import subprocess
import sys

PROGRAM = """
import sys
import search.commands.app
for name in ("torch", "ray", "timm", "boto3", "scipy"):
    assert name not in sys.modules, name
"""


def test_verbs_that_train_nothing_start_without_what_trains() -> None:
    outcome = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (outcome.returncode, outcome.stderr) == (0, "")
