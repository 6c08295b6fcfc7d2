"""The pictures' share of a trial is measured with the worker's own orders."""

from benchmarks import pictures
from tests.unit.trainer.small import ROOMS
from trainer.figures.trial_pictures import PICTURES


def test_the_share_is_that_of_the_time_of_training() -> None:
    record = pictures.measured("rooms", 2, ROOMS)
    assert record["files"] == 2 * len(PICTURES)
    assert record["share"] > 0 and record["trial_seconds"] > 0
    assert 1 < record["largest_kb"] < 150


def test_the_text_names_the_command_and_the_figures() -> None:
    record = {
        "trials": 12, "preset": "rooms", "share": 1.84, "first_share": 9.46,
        "trial_seconds": 3.52, "largest_kb": 52.0, "processor": "CPU",
    }  # fmt: skip
    text = pictures.text(record)
    assert text.startswith("`python -m benchmarks.pictures`")
    assert "1.8 % of a trial's 3.5 s" in text and "9.5 % for the first" in text
