"""Figures of tiny inputs: panels, names, numbers, files.

Shape letters: Y classes, C channels, h w pixels, H W token grid.
"""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from matplotlib import rcParams
from matplotlib.figure import Figure
from matplotlib.text import Text

from trainer.errors import FigureError
from trainer.figures.canvas import new_figure, save_figure, style
from trainer.figures.colour import SAFE_PALETTE, colour_label
from trainer.figures.components import Basis
from trainer.figures.confusion import draw_confusion
from trainer.figures.distribution import draw_distribution
from trainer.figures.losses import draw_losses
from trainer.figures.maps import ImageMaps, IterationMaps, draw_codes, draw_intermediate_maps
from trainer.figures.qualitative_grid import Scene, draw_qualitative_grid
from trainer.figures.wording import short
from trainer.records import CollapseIndicators, Report, Scores

CLASSES = ("wall", "floor", "bed")
RNG = np.random.default_rng(2)


def texts(figure: Figure) -> set[str]:
    return {text.get_text() for text in figure.findobj(Text)}


def reports(**terms: float) -> list[Report]:
    scores = Scores(miou=1.0, miou_all=1.0, accuracy=1.0)
    signals = CollapseIndicators(
        cluster_entropy=1.0, largest_share=0.5, mean_cosine=0.0, finite=True
    )
    return [
        Report(
            evaluation=number,
            iteration=4 * number,
            loss=sum(terms.values()) / number,
            cluster=scores,
            linear=scores,
            signals=signals,
            terms={name: term / number for name, term in terms.items()},
        )
        for number in (1, 2, 3)
    ]


def test_losses_are_one_line_per_modality_and_their_sum() -> None:
    (axes,) = draw_losses(reports(rgb=0.6, depth=0.3), "run").axes
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines) == ["rgb", "depth", "sum"]
    assert np.asarray(lines["rgb"].get_xdata()).tolist() == [4, 8, 12]
    assert lines["depth"].get_ydata() == pytest.approx([0.3, 0.15, 0.1])
    assert lines["sum"].get_ydata() == pytest.approx([0.9, 0.45, 0.3])


@pytest.mark.parametrize(("terms", "names"), [({}, ["sum"]), ({"rgb": 1.0}, ["rgb"])])
def test_reports_without_terms_show_the_sum_and_one_term_needs_none(
    terms: dict[str, float], names: list[str]
) -> None:
    (axes,) = draw_losses(reports(**terms), "run").axes
    assert [line.get_label() for line in axes.lines] == names


def test_distributions_are_percent_with_the_most_frequent_class_first() -> None:
    shares = {"ground truth": np.array([1, 6, 3]), "a": np.array([5, 5, 0]), "b": np.eye(3)[2]}
    figure = draw_distribution(shares, CLASSES, "run")
    (axes,) = figure.axes
    widths = [[bar.get_width() for bar in group] for group in axes.containers]
    assert widths == [[60, 30, 10], [50, 0, 50], [0, 100, 0]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["floor", "bed", "wall"]
    assert set(shares) < texts(figure)


def test_confusion_shows_the_counts_of_each_class_as_percent() -> None:
    counts_YY = np.array([[3, 1, 0], [0, 5, 0], [0, 0, 0]])
    figure = draw_confusion(counts_YY, CLASSES, CLASSES, "run")
    axes, bar = figure.axes
    shown = np.asarray(axes.images[0].get_array())
    assert shown.tolist() == [[75, 25], [0, 100]]
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {(0, 0): "75", (1, 0): "25", (0, 1): "0", (1, 1): "100"}
    assert [label.get_text() for label in axes.get_xticklabels()] == ["wall", "floor"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["wall", "floor"]
    assert "1 class without a labelled pixel is left out" in texts(figure)
    assert bar.get_ylabel() == "percent of the class's pixels"


def test_confusion_has_a_column_for_every_prediction() -> None:
    """Of a class without labelled pixels, and of a cluster without a class."""
    counts_YZ = np.array([[3, 0, 1, 4], [0, 0, 0, 0], [0, 0, 0, 0]])
    figure = draw_confusion(counts_YZ, CLASSES, (*CLASSES, "cluster 1"), "run")
    axes = figure.axes[0]
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ["wall", "bed", "cluster 1"]
    assert np.asarray(axes.images[0].get_array()).tolist() == [[37.5, 12.5, 50]]
    assert "2 classes without a labelled pixel are left out" in texts(figure)


def test_absent_classes_have_no_bars_and_are_counted() -> None:
    shares = {"ground truth": np.array([4, 0, 0, 0]), "a": np.array([1, 0, 3, 0])}
    figure = draw_distribution(shares, ("wall", "floor", "bed", "sofa"), "run")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["wall", "bed"]
    note = " ".join(" ".join(texts(figure)).split())
    assert "2 classes that neither occur nor are predicted are left out" in note
    assert "inspect counts whole images" in note


def test_many_classes_have_names_and_only_large_numbers() -> None:
    names = tuple(f"class {number}" for number in range(27))
    counts_YY = np.full((27, 27), 1) + np.diag(np.full(27, 973))
    figure = draw_confusion(counts_YY, names, names, "run")
    assert set(names) < texts(figure)
    assert len(figure.axes[0].texts) == 27


def scene(name: str) -> Scene:
    truth = np.array([[0, 1], [255, 1]], dtype=np.uint8)
    images = {kind: RNG.random((2, 2, 3)).astype(np.float32) for kind in ("rgb", "depth")}
    return Scene(name=name, images=images, labels={"truth": truth, "model": truth // 128})


def test_the_qualitative_grid_has_one_row_per_scene_and_the_names_of_occurring_classes() -> None:
    scenes = [scene("one"), scene("two")]
    figure = draw_qualitative_grid(scenes, CLASSES, SAFE_PALETTE)
    assert len(figure.axes) == 2 * 4
    assert [axes.get_title() for axes in figure.axes[:4]] == ["rgb", "depth", "truth", "model"]
    assert {"one", "two", "wall", "floor", "no label"} < texts(figure)
    assert "bed" not in texts(figure)
    drawn = np.asarray(figure.axes[2].images[0].get_array())
    assert np.array_equal(drawn, colour_label(scenes[0].labels["truth"], SAFE_PALETTE))


def test_the_qualitative_grid_explains_hatching_if_there_is_any() -> None:
    plain, hatched = scene("one"), dataclasses.replace(scene("two"), hatched=True)
    assert "not measured" not in texts(draw_qualitative_grid([plain], CLASSES, SAFE_PALETTE))
    assert "not measured" in texts(draw_qualitative_grid([plain, hatched], CLASSES, SAFE_PALETTE))


def image_maps(*, msn: bool = True) -> ImageMaps:
    def maps(channels: int = 5) -> dict[str, np.ndarray]:
        return {name: RNG.normal(size=(2, 3, channels)) for name in ("rgb", "depth")}

    def iteration_maps() -> IterationMaps:
        return IterationMaps(
            specific=maps() if msn else {},
            fused_HWC=RNG.normal(size=(2, 3, 5)),
            code_HWC=RNG.normal(size=(2, 3, 4)),
            harmonised={"depth": RNG.normal(size=(2, 3, 4))} if msn else {},
        )

    images = {name: RNG.random((4, 6, 3)).astype(np.float32) for name in ("rgb", "depth")}
    return ImageMaps(
        name="one",
        images=images,
        raw=maps(),
        intermediate_maps={0: iteration_maps(), 9: iteration_maps()},
    )


@pytest.mark.parametrize("msn", [True, False])
def test_intermediate_maps_have_one_row_per_modality_and_one_for_the_fused_map(msn: bool) -> None:
    shown = image_maps(msn=msn)
    codes = [made.code_HWC for made in shown.intermediate_maps.values()]
    bases = {
        "code": Basis.of({"s": codes}),
        "raw": Basis.of({name: [raw] for name, raw in shown.raw.items()}),
        "fused": Basis.of(
            {"fused": [made.fused_HWC for made in shown.intermediate_maps.values()]}
        ),
    }
    if msn:
        specific = shown.intermediate_maps[0].specific
        bases["specific"] = Basis.of({name: [made] for name, made in specific.items()})
    visible = [
        axes for axes in draw_intermediate_maps(shown, bases, "run").axes if axes.get_visible()
    ]
    titles = [axes.get_title() for axes in visible]
    ours = [f"MSN, iteration {number}" for number in (0, 9)] if msn else []
    fused = [f"{name}, iteration {number}" for name in ("fused", "s") for number in (0, 9)]
    assert titles == 2 * ["image", "raw feature", *ours] + fused
    assert [axes.get_ylabel() for axes in visible if axes.get_ylabel()] == ["rgb", "depth"]


def test_one_modality_is_followed_by_its_code() -> None:
    several = image_maps(msn=False)
    shown = dataclasses.replace(several, images={"rgb": several.images["rgb"]})
    codes = [made.code_HWC for made in shown.intermediate_maps.values()]
    bases = {
        "code": Basis.of({"s": codes}),
        "raw": Basis.of({"rgb": [shown.raw["rgb"]]}),
        "fused": Basis.of(
            {"fused": [made.fused_HWC for made in shown.intermediate_maps.values()]}
        ),
    }
    titles = [axes.get_title() for axes in draw_intermediate_maps(shown, bases, "run").axes]
    assert titles == ["image", "raw feature", "s, iteration 0", "s, iteration 9"]


def test_codes_are_the_shared_one_and_those_of_the_harmonisers() -> None:
    shown = [image_maps(), image_maps()]
    last = shown[0].intermediate_maps[9]
    basis = Basis.of({"s": [last.code_HWC], "depth": [last.harmonised["depth"]]})
    figure = draw_codes(shown, {"code": basis}, "run")
    assert [axes.get_title() for axes in figure.axes[:4]] == ["rgb", "depth", "s", "s of depth"]
    assert len(figure.axes) == 8
    drawn = np.asarray(figure.axes[2].images[0].get_array())
    assert np.array_equal(drawn, basis.colour("s", last.code_HWC))


def test_maps_of_the_methods_own_follow_the_codes() -> None:
    labels = RNG.normal(size=(2, 3, 7))
    one = image_maps(msn=False)
    made = {
        number: dataclasses.replace(each, others={"labels": labels})
        for number, each in one.intermediate_maps.items()
    }
    shown = [dataclasses.replace(one, intermediate_maps=made)]
    bases = {
        "code": Basis.of({"s": [made[9].code_HWC]}),
        "labels": Basis.of({"labels": [labels]}),
    }
    figure = draw_codes(shown, bases, "run")
    assert [axes.get_title() for axes in figure.axes] == ["rgb", "depth", "s", "labels"]
    drawn = np.asarray(figure.axes[3].images[0].get_array())
    assert np.array_equal(drawn, bases["labels"].colour("labels", labels))


def test_components_have_fixed_signs_and_find_the_variance() -> None:
    directions = np.linalg.qr(RNG.normal(size=(6, 6)))[0]
    map_HWC = 5 * directions[5] + RNG.normal(size=(8, 9, 3)) @ (
        directions[:3] * [[1.0], [0.5], [0.25]]
    )
    basis = Basis.of({"a": [map_HWC[:4], map_HWC[4:]]})
    assert (basis.axes_3C.max(axis=1) >= -basis.axes_3C.min(axis=1)).all()
    assert np.allclose(basis.axes_3C @ basis.axes_3C.T, np.eye(3))
    assert np.abs(directions[0] @ basis.axes_3C[0]) > 0.9
    again = Basis.of({"a": [map_HWC[:, ::-1]]})
    assert np.allclose(again.axes_3C, basis.axes_3C)
    coloured = basis.colour("a", map_HWC)
    assert coloured.shape == (8, 9, 3) and coloured.min() == 0 and coloured.max() == 1
    assert np.allclose(basis.colour("a", 3 * map_HWC), coloured)


def test_groups_are_centred_on_their_own_means() -> None:
    inner = RNG.normal(size=(6, 7, 5)) * 0.01
    near, far = np.eye(5)[0] + inner, np.eye(5)[1] + inner
    apart = Basis.of({"near": [near], "far": [far]})
    assert apart.colour("near", near).std(axis=(0, 1)).min() > 0.1
    together = Basis.of({"both": [near, far]})
    assert together.colour("both", near)[..., 0].std() < 0.1


def test_maps_of_few_channels_or_without_any_difference_have_colours() -> None:
    alike = np.ones((2, 2, 4))
    assert (Basis.of({"a": [alike]}).colour("a", alike) == 0.5).all()
    few = Basis.of({"a": [RNG.normal(size=(3, 3, 2))]}).colour("a", RNG.normal(size=(3, 3, 2)))
    assert (few[..., 2] == 0.5).all() and np.isfinite(few).all()


def test_long_names_keep_their_end() -> None:
    assert short("val-0001") == "val-0001"
    assert short("abc" * 9 + "_0001") == "\N{HORIZONTAL ELLIPSIS}" + ("abc" * 9 + "_0001")[-25:]


def test_files_are_png_and_svg_with_text_and_the_same_each_time(tmp_path: Path) -> None:
    found = []
    for folder in ("one", "two"):
        with style():
            figure = draw_confusion(np.eye(3, dtype=int), CLASSES, CLASSES, "run")
            found.append(save_figure(figure, tmp_path / folder, "confusion"))
    for first, second in zip(*found, strict=True):
        assert first.read_bytes() == second.read_bytes()
    png, svg = found[0]
    assert png.read_bytes().startswith(b"\x89PNG")
    written = svg.read_text()
    assert all(f">{name}</text>" in written for name in CLASSES)
    assert "<dc:date>" not in written


def test_a_users_style_is_ignored_and_restored(tmp_path: Path) -> None:
    rcParams["font.size"], before = 20.0, rcParams["font.size"]
    try:
        with style():
            assert rcParams["font.size"] == 9.0
        assert rcParams["font.size"] == 20.0
    finally:
        rcParams["font.size"] = before


def test_a_folder_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FigureError, match="cannot write figures to") as caught:
        save_figure(new_figure(1, 1), tmp_path / "file", "name")
    assert "\n" not in str(caught.value)
