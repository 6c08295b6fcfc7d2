"""Pictures of a command's output on a terminal, from a pseudo-terminal."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

__all__ = ["COLUMNS", "LINES", "draw_screen", "run_on_terminal"]

COLUMNS, LINES = 104, 26
CHUNK = 1 << 16
SETTLED_SECONDS = 0.05
#: Rich's own terminal picture loads its font from a web server; this one needs no network.
SVG = """<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; }}
{styles}
</style>
<defs>{lines}</defs>
<rect width="{width}" height="{height}" fill="#16181d" rx="8"/>
<g transform="translate({terminal_x}, {terminal_x})">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def run_on_terminal(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    look: Callable[[pyte.Screen], None],
) -> int:
    """Run a command on its own terminal; returns its exit code.

    Args:
        command: Program and arguments.
        environment: Environment variables.
        look: Called with the screen after each complete update.
    """
    screen = pyte.Screen(COLUMNS, LINES)
    stream = pyte.ByteStream(screen)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    variables = {**environment, "TERM": "xterm-256color"}
    with subprocess.Popen(
        list(command), stdin=theirs, stdout=theirs, stderr=theirs, env=variables
    ) as process:
        os.close(theirs)
        while drawn := _read(ours):
            stream.feed(drawn)
            if not select.select([ours], [], [], SETTLED_SECONDS)[0]:
                look(screen)  # otherwise the picture could be incomplete
    os.close(ours)
    return process.returncode


def draw_screen(screen: pyte.Screen, path: Path, *, title: str) -> None:
    """Save the screen, below the command, as an SVG file."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(
            record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor"
        )
        console.print(Text(f"$ {title}", style="bold"))
        rows = [_row(screen, number) for number in range(LINES)]
        while rows and not rows[-1].plain.strip():
            rows.pop()
        for row in rows:
            console.print(row, no_wrap=True, overflow="crop")
        path.write_text(console.export_svg(code_format=SVG, unique_id="screen"), encoding="utf-8")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, CHUNK)
    except OSError:  # the other end is closed
        return b""


def _row(screen: pyte.Screen, number: int) -> Text:
    line, row = screen.buffer[number], Text()
    for column in range(COLUMNS):
        cell = line[column]
        row.append(cell.data, Style(color=_colour(cell.fg), bold=cell.bold or None))
    return row


def _colour(name: str) -> str | None:
    if name == "default":
        return None
    if len(name) == 6 and all(digit in "0123456789abcdef" for digit in name):
        return f"#{name}"
    plain = name.removeprefix("bright")
    plain = "yellow" if plain == "brown" else plain  # the emulator's name for yellow
    return f"bright_{plain}" if name.startswith("bright") else plain
