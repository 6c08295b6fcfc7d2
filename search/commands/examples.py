"""Examples at the end of each command's ``--help``."""

from collections.abc import Mapping

__all__ = ["EXAMPLES", "epilogue"]

#: What follows ``python -m search``, by verb; every example is a command that can be typed.
EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "init": ("init greenhouse",),
    "launch": (
        "launch --trials 20",
        "launch --data greenhouse --trials 200",
        "launch --preset nyu-cpu --data nyu --study first --workers 2",
        "launch --like first --range b_self=0.2:0.6",
        "launch --data greenhouse --dry-run",
    ),
    "resume": ("resume", "resume first --trials 300", "resume first --standby"),
    "confirm": ("confirm first", "confirm first --top 3 --seeds 10"),
    "table": ("table tables/rooms.toml", "table tables/rooms.toml --trials 20 --dry-run"),
    "list": ("list", "list --storage embedded:studies"),
    "status": ("status first", "status first --watch", "status first --failures"),
    "best": ("best first", "best first --format toml > best.toml"),
    "show": ("show first 12",),
    "compare": ("compare first second",),
    "calibrate": ("calibrate first", "calibrate first --format csv > criteria.csv"),
    "next": ("next first", "next first --json"),
    "report": ("report first", "report first second --out report"),
    "stop": ("stop first",),
    "delete": ("delete first", "delete first --yes"),
    "attach": ("attach first",),
    "schema": ("schema > configuration.schema.json",),
    "doctor": ("doctor", "doctor --data greenhouse --deep"),
    "dashboard": (
        "dashboard --read-only",
        "dashboard --host 0.0.0.0 --allow-host search.example --read-only",
    ),
    "roles": ("roles --driver unim2_driver --viewer unim2_viewer --print",),
    "export": (
        "export first study.db",
        "export first trials.csv",
        "export first --format json",
    ),
    "export-study": ("export-study first first.jsonl",),
    "import-study": ("import-study first.jsonl --storage embedded:studies",),
    "import-trials": (
        "import-trials trials.csv --study second",
        "import-trials optuna.db --from theirs --study second",
        "import-trials wandb.csv --value score --study second",
    ),
}


def epilogue(verb: str) -> str:
    """The examples of a verb, one per line."""
    return "\n".join(["Examples:", *(f"  python -m search {each}" for each in EXAMPLES[verb])])
