"""The documents match the measured results."""

import dataclasses
import json
from pathlib import Path

import pytest

from benchmarks.pages import PAGES, ROOT, TEXTS, filled
from benchmarks.records import RESULTS
from search.pruners import CollapseRules


@pytest.mark.parametrize("page", PAGES)
def test_pages_match_the_results(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert "<!-- measured: " in text
    assert text == filled(text), "run `python -m benchmarks.pages`"


def test_a_hand_typed_number_is_replaced() -> None:
    name = next(iter(TEXTS))
    page = f"before\n<!-- measured: {name} -->\n99.9 percent\n<!-- end -->\nafter\n"
    found = filled(page)
    assert "99.9 percent" not in found
    assert TEXTS[name]() in found
    assert found.startswith("before\n")
    assert found.endswith("after\n")


def test_an_unknown_text_is_an_error() -> None:
    with pytest.raises(KeyError, match="nothing"):
        filled("<!-- measured: nothing -->\n<!-- end -->")


def test_pictures_in_pages_exist() -> None:
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        for part in page.read_text(encoding="utf-8").split("](")[1:]:
            target = part.partition(")")[0]
            if Path(target).suffix in (".png", ".svg"):
                assert (page.parent / target).is_file(), f"{page.name} shows {target}"


def test_the_rules_are_those_chosen_on_the_first_search() -> None:
    table = json.loads((RESULTS / "collapse.json").read_text(encoding="utf-8"))
    assert dataclasses.asdict(CollapseRules()) == table["chosen"]
