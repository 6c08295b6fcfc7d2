"""The note that the dashboard shows with a study, and who may change it."""

__all__ = ["NOTE_LINE", "is_ours"]

#: Stands in every note that a driver writes. Whoever deletes it keeps the note as it is.
NOTE_LINE = "*Kept current by the search. To write your own note, delete this line.*"


def is_ours(note: str) -> bool:
    """Whether a driver may replace a note: it is empty, or a driver wrote it."""
    return not note.strip() or NOTE_LINE in note
