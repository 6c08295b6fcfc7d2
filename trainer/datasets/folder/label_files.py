"""The table ``[labels]`` of a description: typed and checked."""

from dataclasses import dataclass
from typing import Literal

from trainer.datasets.folder.patterns import FilePattern
from trainer.errors import ConfigError

__all__ = ["LARGEST_CLASS", "LabelFiles", "check_colours", "check_labels"]

UNLABELLED = 255
LARGEST_CLASS, LARGEST_STORED = 255, 2**16 - 1


@dataclass(frozen=True, kw_only=True)
class LabelFiles:
    """The table ``[labels]``: numbers of 1 to 16 bits, or colours. Without it, no labels."""

    #: Path of an image's label under the data set's folder, with ``{name}`` for its name.
    files: str
    #: Stored number of the first class; the others follow in order.
    first: int = 0
    #: Stored numbers of each class in order, one or several, if they are not consecutive.
    numbers: tuple[int | tuple[int, ...], ...] | None = None
    #: Stored numbers without a class; by default 255, unless that is a class.
    ignore: tuple[int, ...] | None = None
    #: Whether pixels are numbers (of palette images: the indices) or colours of the description's
    #: palette. ``auto``: images of three or four channels are colours, others numbers.
    encoding: Literal["auto", "number", "colour"] = "auto"
    #: Colours without a class.
    ignore_colours: tuple[tuple[int, ...], ...] = ()
    #: Treatment of unknown numbers and colours: the file is refused, or the pixel has no class.
    others: Literal["refuse", "ignore"] = "refuse"

    def class_numbers(self, classes: int) -> tuple[tuple[int, ...], ...]:
        """The stored numbers of each class."""
        if self.numbers is None:
            return tuple((self.first + index,) for index in range(classes))
        return tuple((each,) if isinstance(each, int) else each for each in self.numbers)

    def ignored_numbers(self, classes: int) -> tuple[int, ...]:
        """The stored numbers without a class."""
        if self.ignore is not None:
            return self.ignore
        return tuple({UNLABELLED} - set(self.stored_numbers(classes)))

    def stored_numbers(self, classes: int) -> tuple[int, ...]:
        """The stored numbers of all classes."""
        return tuple(number for numbers in self.class_numbers(classes) for number in numbers)


def check_labels(
    labels: LabelFiles, classes: int, palette: tuple[tuple[int, ...], ...] | None
) -> None:
    """Refuse settings that contradict each other or the classes.

    Args:
        labels: The table.
        classes: Number of classes.
        palette: The description's colours, one per class.

    Raises:
        ConfigError: On the first such setting.
    """
    FilePattern.check("labels.files", labels.files)
    if labels.numbers is None:
        last = labels.first + classes - 1
        if labels.first < 0 or last > LARGEST_STORED:
            raise ConfigError(
                f"labels.first = {labels.first} makes the classes {labels.first} to {last}: they"
                f" must be in 0 to {LARGEST_STORED}"
            )
    elif len(labels.numbers) != classes or labels.first != 0:
        raise ConfigError(
            f"labels.numbers has {len(labels.numbers)} entries for {classes} classes and"
            f" labels.first is {labels.first}: give one entry per class, and leave 'first' out"
        )
    stored = labels.stored_numbers(classes)
    ignored = labels.ignored_numbers(classes)
    for least, numbers in ((0, stored), (-LARGEST_STORED, ignored)):
        for number in numbers:
            if not least <= number <= LARGEST_STORED:
                raise ConfigError(
                    f"labels have the stored number {number}: give numbers from {least} to"
                    f" {LARGEST_STORED}"
                )
    for number in stored:
        if stored.count(number) > 1:
            raise ConfigError(f"labels.numbers gives {number} to two classes: give it to one")
    for number in ignored:
        if number in stored:
            raise ConfigError(
                f"labels.ignore has {number}: give numbers up to {LARGEST_STORED} that are not a"
                f" class ({min(stored)} to {max(stored)})"
            )
    _check_label_colours(labels, palette)


def _check_label_colours(labels: LabelFiles, palette: tuple[tuple[int, ...], ...] | None) -> None:
    check_colours("labels.ignore_colours", labels.ignore_colours)
    if palette is None and (labels.encoding == "colour" or labels.ignore_colours):
        raise ConfigError(
            "labels are read by colour but there is no palette: write palette = [[R, G, B], ...],"
            " one colour per class"
        )
    for colour in labels.ignore_colours:
        if colour in (palette or ()):
            raise ConfigError(
                f"labels.ignore_colours has {list(colour)}, which is a class of the palette: give"
                " it one meaning"
            )


def check_colours(where: str, colours: tuple[tuple[int, ...], ...]) -> None:
    """Refuse values that are not colours.

    Raises:
        ConfigError: On the first one; names the setting ``where``.
    """
    for colour in colours:
        if len(colour) != 3 or not all(0 <= part <= 255 for part in colour):
            raise ConfigError(f"{where} has {list(colour)}: give red, green, blue from 0 to 255")
