"""Complete searches with the real command; each has a name, so that a second call resumes it."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.config.toml_records import toml_text

__all__ = ["UNPRUNED", "Paths", "Search", "finish"]

#: Settings with which every run trains to its end: no rule except "not finite" can apply.
UNPRUNED: Mapping[str, Any] = {
    "pruner": "none",
    "collapse": {
        "entropy_floor": 0.0,
        "share_ceiling": 1.0,
        "cosine_ceiling": 1.0,
        "in_a_row": 1000,
    },
}


@dataclass(frozen=True, kw_only=True)
class Paths:
    """Where searches read and write."""

    #: Address of the database, as ``--storage`` takes it.
    storage: str
    #: Folder of caches and checkpoints.
    folder: Path
    #: Folder of the Cityscapes frames, for searches on them.
    cityscapes: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Search:
    """One search."""

    study: str
    preset: str
    #: Tables added to the preset.
    tables: Mapping[str, Any]


def finish(search: Search, places: Paths) -> None:
    """Run a search to its target, or resume it; a finished search is left alone.

    Raises:
        SystemExit: If the command fails.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as file:
        file.write(toml_text(dict(search.tables)))
        file.flush()
        command = [sys.executable, "-m", "search", "launch", "--plain", "--oversubscribe"]
        command += ["--preset", search.preset, "--config", file.name, "--study", search.study]
        command += ["--storage", places.storage, "--cache", str(places.folder / "cache")]
        command += ["--checkpoints", str(places.folder / "checkpoints")]
        if search.preset.startswith("cityscapes"):
            command += ["--data", str(places.cityscapes)]
        print(f"== {search.study}", flush=True)
        done = subprocess.run(command, check=False)
    if done.returncode:
        sys.exit(f"{search.study} ended with exit code {done.returncode}: run the command again")
