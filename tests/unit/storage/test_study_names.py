"""Names that a study may have."""

import pytest

from storage.errors import StudyNameError
from storage.studies import LONGEST_NAME, check_name


@pytest.mark.parametrize(
    "name", ["rooms-1", "x", "y" * LONGEST_NAME, "Ünïcode 研究 'q' \"%_", "😀"]
)
def test_a_printable_name_is_accepted_unchanged(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "x" * (LONGEST_NAME + 1), "a\nb", "a\x00b", "\x7f", " a", "a\t", "\ud800"]
)
def test_another_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(StudyNameError, match=r"\A[^\n]*give|leave") as caught:
        check_name(name)
    assert str(caught.value).isprintable()
