"""Short texts in figures."""

__all__ = ["SQUARES", "left_out_text", "short"]

#: Why the shares of classes differ from those that ``inspect`` prints.
SQUARES = (
    "Counted in the centre squares at the resolution that is scored; inspect counts whole images,"
    " so its shares differ."
)

NAME_LENGTH = 26  # characters


def left_out_text(count: int, why: str) -> str:
    """A note on the number of classes that a figure leaves out; empty if it shows all."""
    if not count:
        return ""
    return f"{count} class{'es' * (count > 1)} {why} {'are' if count > 1 else 'is'} left out"


def short(name: str) -> str:
    """The end of a name, its most informative part, shortened to fit a small cell."""
    return (
        name if len(name) <= NAME_LENGTH else f"\N{HORIZONTAL ELLIPSIS}{name[1 - NAME_LENGTH :]}"
    )
