"""Quick pictures of tiny inputs: sizes, colours, and what is left out.

Letters of shapes: Y classes, Z predictions.
"""

import io
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from trainer.figures.colour import SAFE_PALETTE, VOID
from trainer.figures.quick.confusion import FULL, draw_confusion
from trainer.figures.quick.distribution import COLOURS, draw_distribution
from trainer.figures.quick.grid import CELL, Row, draw_grid, fitted, photo_colours
from trainer.figures.quick.losses import SUM, _ticks, draw_losses
from trainer.figures.quick.sheet import MARGIN, TEXT, Sheet, text_width
from trainer.records import CollapseIndicators, Report, Scores

CLASSES = ("wall", "floor", "bed")
PALETTE = SAFE_PALETTE[:3]
NEAR = 6  # steps of a channel that a palette of 256 colours may be off


def pixels(png: bytes) -> NDArray[np.int16]:
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"), dtype=np.int16)


def count(picture: NDArray[np.int16], colour: tuple[int, int, int]) -> int:
    """Pixels of a colour, or of one that nobody can tell from it."""
    return int((np.abs(picture - np.array(colour)).max(axis=-1) <= NEAR).sum())


def report(evaluation: int, loss: float, **terms: float) -> Report:
    scores = Scores(miou=1.0, miou_all=1.0, accuracy=1.0)
    signals = CollapseIndicators(
        cluster_entropy=1.0, largest_share=0.5, mean_cosine=0.0, finite=True
    )
    return Report(
        evaluation=evaluation,
        iteration=10 * evaluation,
        loss=loss,
        cluster=scores,
        linear=scores,
        signals=signals,
        terms=terms,
    )


def row(name: str, *, seed: int = 0) -> Row:
    image = np.random.default_rng(seed).random((40, 40, 3))
    truth = np.full((20, 20), 255, dtype=np.uint8)
    truth[:10] = 0
    return Row(
        name=name,
        images={"rgb": fitted(image)},
        labels={"ground truth": truth, "prediction": np.full((20, 20), 2, dtype=np.uint8)},
    )


def grid(rows: list[Row], note: str = "") -> NDArray[np.int16]:
    photos = photo_colours(rows)
    return pixels(draw_grid(rows, CLASSES, PALETTE, photos=photos, title="Title", note=note))


def test_the_grid_shows_classes_in_their_colours_and_no_others() -> None:
    picture = grid([row("val-1"), row("val-2", seed=1)])
    assert count(picture, PALETTE[2]) >= 2 * CELL**2
    assert count(picture, PALETTE[0]) >= CELL**2 > count(picture, PALETTE[1])
    assert count(picture, VOID) >= CELL**2  # the unlabelled half of both ground truths


def test_paper_stays_white_beside_bright_photographs() -> None:
    bright = 0.97 + 0.03 * np.random.default_rng(1).random((40, 40, 3))
    bright[:20] = np.random.default_rng(0).random((20, 40, 3))
    scene = Row(name="val-1", images={"rgb": fitted(bright)}, labels=row("val-1").labels)
    assert grid([scene])[0, 0].tolist() == [255, 255, 255]


def test_a_scene_without_images_shows_its_label_maps_and_says_why() -> None:
    bare = Row(name="val-1", images={}, labels=row("val-1").labels)
    without, explained = grid([bare]), grid([bare], note="The images cannot be read here.")
    assert count(without, PALETTE[2]) >= CELL**2
    assert len(explained) > len(without)


def test_the_shade_of_a_cell_is_its_share() -> None:
    counts_YZ = np.array([[10, 0, 0], [0, 0, 10], [0, 0, 0]])
    picture = pixels(draw_confusion(counts_YZ, CLASSES, CLASSES, title="Title"))
    assert 2000 < count(picture, FULL) < 2 * 46**2 + 1


def test_a_class_without_labels_has_no_row_and_is_noted() -> None:
    whole = np.array([[10, 1, 1], [1, 10, 1], [1, 1, 10]])
    lacking = np.array([[10, 1, 0], [1, 10, 0], [0, 0, 0]])
    shapes = [
        pixels(draw_confusion(counts, CLASSES, CLASSES, title="")).shape
        for counts in (whole, lacking)
    ]
    assert shapes[1][0] < shapes[0][0]


def test_many_classes_fit_on_a_sheet() -> None:
    names = tuple(f"class number {index}" for index in range(40))
    counts_YZ = np.eye(40, dtype=np.int64) + 1
    confusion = pixels(draw_confusion(counts_YZ, names, names, title="Title"))
    assert max(confusion.shape) < 1400
    shares = {"ground truth": np.arange(40), "prediction": np.arange(40)[::-1].copy()}
    assert pixels(draw_distribution(shares, names, title="Title")).shape[0] < 1800


def test_very_many_classes_are_small_enough_to_store() -> None:
    names = tuple(f"class number {index}" for index in range(171))
    counts_YZ = np.random.default_rng(1).integers(0, 50, (171, 171))
    made = draw_confusion(counts_YZ, names, names, title="Title")
    assert len(made) < 150_000 and max(pixels(made).shape) < 2600


def test_a_name_of_several_lines_is_drawn_in_one() -> None:
    names = ("wall\nand more", "floor\x00", "bed")
    counts_YZ = np.eye(3, dtype=np.int64) + 1
    assert draw_confusion(counts_YZ, names, names, title="Title")
    shown = [Row(name="val\n1", images={}, labels=row("val-1").labels)]
    assert draw_grid(shown, names, PALETTE, photos=(), title="Title", note="")


def test_bars_are_as_long_as_their_shares() -> None:
    shares = {"ground truth": np.array([30, 10, 0]), "prediction": np.array([20, 20, 0])}
    picture = pixels(draw_distribution(shares, CLASSES, title=""))
    dark, blue = (
        max(int((np.abs(line - np.array(colour)).max(axis=-1) <= NEAR).sum()) for line in picture)
        for colour in COLOURS
    )
    assert dark == pytest.approx(420, abs=8)  # with the letters beside it
    assert blue == pytest.approx(420 * 50 / 75, abs=2)


def test_losses_have_a_line_for_each_term_and_one_for_the_sum() -> None:
    reports = [report(1, 3.0, rgb=1.0, depth=2.0), report(2, 1.5, rgb=1.0, depth=0.5)]
    picture = pixels(draw_losses(reports, title="Title"))
    for colour in (*SAFE_PALETTE[:2], SUM):
        assert count(picture, colour) > 300
    only_sum = pixels(draw_losses([report(1, 3.0), report(2, 1.0)], title="Title"))
    assert count(only_sum, SUM) > 300 and count(only_sum, SAFE_PALETTE[0]) == 0


@pytest.mark.parametrize("losses", [[1.0], [0.0, 0.0], [math.nan, 1.0], [math.nan]])
def test_losses_that_are_few_equal_or_not_finite_are_drawn(losses: list[float]) -> None:
    reports = [report(place + 1, loss, rgb=loss) for place, loss in enumerate(losses)]
    assert pixels(draw_losses(reports, title="Title")).shape[1] > 520


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 100.0, [0, 20, 40, 60, 80, 100]),
        (-0.03, 0.61, [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        (-2e-5, 3e-5, [-2e-5, -1e-5, 0, 1e-5, 2e-5, 3e-5]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, ticks: list[float]) -> None:
    assert _ticks(low, high) == pytest.approx(ticks, abs=1e-12)


def test_a_note_is_wrapped_to_the_width_of_the_sheet() -> None:
    sheet = Sheet(300, 400)
    taken = sheet.paragraph((MARGIN, 0), "word " * 40, size=TEXT)
    assert taken >= TEXT * text_width("word " * 40) / 300
    picture = pixels(sheet.png(400))
    assert count(picture[:, 300 - MARGIN // 2 :], (51, 51, 51)) == 0
