"""Was the best trial selected on the split that it is tested on?"""

from search.reporting.health.check import Finding, HealthCheck, failed, passed, warned
from search.reporting.health.fixes import launch_other, resume
from search.reporting.study_details import StudyDetails

__all__ = ["TEST_SPLIT"]


def examine(details: StudyDetails) -> Finding:
    """Compare the split of the evaluations with the test split."""
    view = details.view
    if view.val_is_test:
        line = "trials were selected on the test split, so its scores are too high"
        return failed(f'{line}: leave out [data.options] val = "test"', launch_other(details))
    if view.state == "finished" and view.best is not None and not _is_scored(details):
        line = f"val and test are separate, but trial {view.best.number} has no test scores"
        return warned(line, resume(details))
    return passed(f"trials were selected on val; test {_readings(details)}")


def _readings(details: StudyDetails) -> str:
    """How often test was scored, in words."""
    count = (details.view.confirmation.test or {}).get("reading", int(_is_scored(details)))
    words = {0: "is not scored yet", 1: "was scored once"}
    return words.get(count, f"was scored {count} times")


def _is_scored(details: StudyDetails) -> bool:
    return bool(details.view.test and "cluster" in details.view.test)


TEST_SPLIT = HealthCheck(name="test-split", title="Is the test split kept apart?", examine=examine)
