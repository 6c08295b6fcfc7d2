"""The table of settings has pytest's counts and the names of failed tests."""

from pathlib import Path

import pytest

from benchmarks.settings import PATHS, SETTINGS, WHOLE, environment_of, outcome


def test_counts_and_names_are_read() -> None:
    output = (
        "..F.\n=== short test summary info ===\n"
        "SKIPPED [1] tests/a.py:3: no such tool\n"
        "FAILED tests/a.py::test_one[x-1] - AssertionError: 3 failed\n"
        "ERROR tests/b.py::test_two\n"
        "1 failed, 2 passed, 1 skipped, 1 error in 3.21s\n"
    )
    assert outcome(output) == {
        "passed": 2,
        "failed": 2,
        "skipped": 1,
        "failures": ["tests/a.py::test_one[x-1]", "tests/b.py::test_two"],
    }


def test_a_run_without_tests_passed_nothing() -> None:
    assert outcome("no tests ran in 0.01s\n")["passed"] == 0


@pytest.mark.parametrize("path", PATHS)
def test_the_tests_exist(path: str) -> None:
    assert (Path(__file__).parents[3] / path).exists()


def test_settings_differ() -> None:
    assert len({tuple(each.items()) for each in SETTINGS.values()}) == len(SETTINGS)


def test_settings_together_are_one_environment() -> None:
    assert environment_of(["PyTorch's plain code", "two threads", "as it is"]) == {
        "ATEN_CPU_CAPABILITY": "default",
        "OMP_NUM_THREADS": "2",
        "UMSS_TEST_THREADS": "2",
    }


def test_settings_that_contradict_each_other_do_not_go_together() -> None:
    with pytest.raises(ValueError, match="ATEN_CPU_CAPABILITY the value 'avx2'; run them apart"):
        environment_of(["PyTorch's AVX2 code", "PyTorch's plain code"])


def test_the_whole_set_is_that_of_make_test() -> None:
    makefile = (Path(__file__).parents[3] / "Makefile").read_text()
    assert f"\ntest: $(VENV)/ready\n\t$(PYTEST) -m '{WHOLE[2]}'\n" in makefile
