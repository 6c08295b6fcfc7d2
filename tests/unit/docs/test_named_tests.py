"""Every test that a document names exists."""

import ast
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
NAMED = re.compile(r"`(tests/[\w/]+\.py)((?:::\w+)*)`")
RELIABILITY = REPOSITORY / "docs" / "reliability.md"


def names_in(file: Path) -> set[str]:
    """Such as ``::test_it`` and ``::TestThose::test_it``."""
    found = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(f"::{node.name}")
        elif isinstance(node, ast.ClassDef):
            inner = [each for each in node.body if isinstance(each, ast.FunctionDef)]
            found |= {f"::{node.name}", *(f"::{node.name}::{each.name}" for each in inner)}
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_named_test_exists(page: Path) -> None:
    for file, test in NAMED.findall(page.read_text()):
        path = REPOSITORY / file
        assert path.is_file(), f"{page.name} names {file}, which is not there"
        if test:
            assert test in names_in(path), f"{page.name} names {file}{test}, which is not there"


def test_every_row_of_bad_and_hostile_input_names_a_test() -> None:
    section = RELIABILITY.read_text().partition("## Bad and hostile input")[2]
    rows = [line for line in section.splitlines() if line.startswith("|")]
    rows = [row for row in rows if not row.startswith(("|---", "| given |"))]
    assert len(rows) > 20
    for row in rows:
        assert any(test for _, test in NAMED.findall(row.split("|")[-2])), row
