"""What the dashboard shows with a study: its note, who may change that, and a plot."""

from dataclasses import dataclass

__all__ = ["NOTE_LINE", "PLOT", "StudyNote", "is_ours"]

#: The plot's name in the dashboard.
PLOT = "map-of-collapse"

#: Stands in every note that a driver writes. Whoever deletes it keeps the note as it is.
NOTE_LINE = "*Kept current by the search. To write your own note, delete this line.*"


@dataclass(frozen=True, kw_only=True)
class StudyNote:
    """The note and the plot of a study at one moment."""

    #: Markdown.
    text: str
    #: Plotly's JSON; None for none.
    plot: str | None = None


def is_ours(note: str) -> bool:
    """Whether a driver may replace a note: it is empty, or a driver wrote it."""
    return not note.strip() or NOTE_LINE in note
