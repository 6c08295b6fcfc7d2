"""The assessment of a study's result as lines of text, for printers."""

from collections.abc import Iterator

from search.quality.assessment import Assessment
from search.quality.expected import Expected, NotExpected

__all__ = ["assessment_lines"]


def assessment_lines(assessment: Assessment) -> Iterator[str]:
    """One line for each of the three numbers."""
    yield (
        f"claimed    {assessment.claimed:.2f}  trial {assessment.trial}, the best of"
        f" {assessment.complete} complete"
    )
    match assessment.expected:
        case NotExpected(reason=reason):
            yield f"expected   not computed: {reason}"
        case Expected() as expected:
            yield (
                f"expected   {expected.mean:.2f}  [{expected.low:.1f}, {expected.high:.1f}]"
                f" on fresh seeds: trial {expected.trial}, by a model of {expected.trials} trials"
            )
    yield "confirmed  not yet"
