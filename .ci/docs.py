"""Writes the generated pages, or says which are stale.

    python .ci/docs.py [--check]

Generated are docs/configuration.md and docs/configuration.schema.json (from the fields' comments),
docs/commands.md (from the help texts), and what stands between ``<!-- measured: … -->`` marks
(from benchmarks/results).
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks.pages import PAGES, filled  # noqa: E402
from search.commands.app import app as search_app  # noqa: E402
from search.config.schema import configuration_page, configuration_schema  # noqa: E402
from trainer.commands.app import app as trainer_app  # noqa: E402

COMMANDS_HEAD = """# Commands

Every command with its options, as `--help` prints them. This page is written by `make docs`.

Exit codes: 0 target reached, 1 done, but something is wrong (`init`, `inspect`, `predict`), or a
full disk cut the output off, 2 bad input (one line says what and how to fix it) or a failed check
of `doctor`, 3 another process drives the study, 4 stopped before the target.
"""


def commands_page() -> str:
    """The help of every command as Markdown."""
    parts = [COMMANDS_HEAD]
    for package, app in (("search", search_app), ("trainer", trainer_app)):
        group = typer.main.get_command(app)
        parts += _commands(f"python -m {package}", group)
    return "\n".join(parts)


def _commands(prefix: str, group: Any) -> list[str]:
    """The sections of a group's commands, and of the groups in it."""
    parts = []
    for name, command in group.commands.items():
        if not command.hidden:
            title = f"{prefix} {name}"
            inner = getattr(command, "commands", None)
            parts += [_command(title, command)] if inner is None else _commands(title, command)
    return parts


def _command(title: str, command: Any) -> str:
    lines = [f"## `{title}`", "", (command.help or "").strip(), ""]
    rows = [
        _row(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)
    ]
    if rows:
        lines += ["| argument or option | | default |", "|---|---|---|", *rows, ""]
    if command.epilog:
        heading, *examples = command.epilog.splitlines()
        lines += [heading, "", *(f"  {line}" for line in examples), ""]
    return "\n".join(lines)


def _row(parameter: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    if parameter.param_type_name == "argument":
        names = f"`{parameter.name.upper()}`"
    meaning = (getattr(parameter, "help", "") or "").replace("|", "\\|")
    default = parameter.default
    nothing = default is None or default is False or default == () or callable(default)
    shown = "required" if parameter.required else "" if nothing else f"`{default}`"
    return f"| {names} | {meaning} | {shown} |"


#: Generated pages by path, and what they should hold.
GENERATED: dict[str, Callable[[], str]] = {
    "docs/configuration.md": configuration_page,
    "docs/configuration.schema.json": lambda: json.dumps(configuration_schema(), indent=1) + "\n",
    "docs/commands.md": commands_page,
}


def main() -> int:
    """Write or check all pages; 1 if one is stale."""
    check, stale = "--check" in sys.argv[1:], []
    wanted = {name: make() for name, make in GENERATED.items()}
    wanted |= {name: filled((ROOT / name).read_text(encoding="utf-8")) for name in PAGES}
    for name, text in wanted.items():
        path = ROOT / name
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale.append(name)
        if not check:
            path.write_text(text, encoding="utf-8")
    if check and stale:
        print(f"stale: {', '.join(stale)}: run `make docs` and commit what it writes")
        return 1
    print(
        f"{len(wanted)} pages, {len(stale)} written"
        if stale
        else f"{len(wanted)} pages are current"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
