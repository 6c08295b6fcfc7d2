"""Records of changes that made the step faster."""

import pytest
from scipy import stats

from benchmarks.speed_up import paired_p, text


def test_the_p_value_is_that_of_scipy() -> None:
    differences = [0.1, -0.3, 0.2, 0.4, -0.1]
    expected = stats.ttest_1samp(differences, 0).pvalue
    assert paired_p(differences) == pytest.approx(expected)
    assert paired_p([0.0] * 5) == 1.0
    assert paired_p([0.5] * 5) == 0.0


def test_a_record_shows_both_sides() -> None:
    scores = [
        {
            "before": {"cluster": 30.0, "linear": 40.0},
            "after": {"cluster": 30.0 + change, "linear": 41.0},
        }
        for change in (0.5, -0.5, 0.0)
    ]
    steps = {"before": [2.0, 4.0, 3.0], "after": [1.5, 1.5, 9.0]}
    record = {
        "date": "2026-01-02",
        "what": "less work",
        "before": "0123456789abcdef",
        "processor": "X",
        "steps": {"8": steps, "32": steps},
        "scores": scores,
    }
    row = text([record]).splitlines()[-1]
    assert "| less work | 0123456 | X | 3.00, 1.50 (0.50) |" in row
    assert "| 3 | +0.00 (p = 1.00) | +1.00 (p = 0.00) |" in row
