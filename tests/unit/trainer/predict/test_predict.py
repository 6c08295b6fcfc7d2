"""Images of one's own: found, predicted at their full size, named, pictured."""

import dataclasses
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from tests.fakes.data_sets import MAKERS, mfnet
from trainer.commands import app as cli
from trainer.commands.predict import read_modalities
from trainer.config.configuration import (
    DataConfig,
    EvaluationConfig,
    FeatureConfig,
    MethodConfig,
    TrainConfig,
    TrainingConfig,
)
from trainer.datasets import open_dataset
from trainer.datasets.base import Image, Source
from trainer.datasets.crops import square_image, whole_image
from trainer.engine.run import Run
from trainer.errors import ConfigError, DataError
from trainer.features import prepare
from trainer.features.extraction import Standard
from trainer.features.prepare import open_backbone
from trainer.figures.colour import picture_palette
from trainer.predict import OwnImage, Predictor, find_images, name_clusters
from trainer.scoring.collapse_indicators import Signals
from trainer.scoring.evaluation import Evaluation
from trainer.scoring.metrics import UNDEFINED
from trainer.scoring.prediction import codes_of, predict

CPU = torch.device("cpu")
CONFIG = TrainConfig(
    data=DataConfig(options={"train": 4, "val": 2, "test": 1, "size": 48}),
    features=FeatureConfig(train_resolution=24, eval_resolution=48, neighbours=10),
    method=MethodConfig(code_dim=4),
    training=TrainingConfig(iterations=40, batch_size=4, samples=3),
    evaluation=EvaluationConfig(evaluations=1),
)


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def find(*images: Path, modalities: tuple[str, ...] = ("rgb", "depth"), **folders: Path):  # type: ignore[no-untyped-def]
    given = {name: (folder,) for name, folder in folders.items()}
    return find_images(images, modalities=modalities, folders=given)


def refusal(*images: Path, modalities: tuple[str, ...] = ("rgb", "depth"), **folders: Path) -> str:
    with pytest.raises(DataError) as caught:
        find(*images, modalities=modalities, **folders)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_files_of_one_stem_are_one_image(tmp_path: Path) -> None:
    rgb = touch(tmp_path / "rgb", "b.jpg", "a.PNG", ".c.png", "notes.txt")
    depth = touch(tmp_path / "depth", "a.npy", "b.png", "z.png")

    own = find(rgb, depth=depth)

    assert [each.stem for each in own] == ["a", "b"]
    assert own[0].files == {"rgb": (rgb / "a.PNG",), "depth": (depth / "a.npy",)}
    (single,) = find(rgb / "b.jpg", modalities=("rgb",))
    assert single.files == {"rgb": (rgb / "b.jpg",)}


def test_several_files_may_make_one_image(tmp_path: Path) -> None:
    folders = [touch(tmp_path / name, "a.png") for name in ("rgb", "sine", "cosine")]

    (own,) = find_images(
        folders[:1], modalities=("rgb", "aolp"), folders={"aolp": tuple(folders[1:])}
    )

    assert own.files["aolp"] == (folders[1] / "a.png", folders[2] / "a.png")


def test_what_does_not_fit_together_is_refused(tmp_path: Path) -> None:
    rgb = touch(tmp_path / "rgb", "a.png", "b.png")
    depth = touch(tmp_path / "depth", "a.png")
    twice = touch(tmp_path / "twice", "a.png", "a.npy", "b.png")
    empty = touch(tmp_path / "empty", "notes.txt")

    assert "add --modality depth=FOLDER" in refusal(rgb)
    assert "(rgb (IMAGES), depth): leave it out" in refusal(rgb, depth=depth, nir=depth)
    assert "b.png has no partner of the kind 'depth'" in refusal(rgb, depth=depth)
    assert "two partners of the kind 'depth', a.npy and a.png" in refusal(rgb, depth=twice)
    assert "holds no image" in refusal(empty, depth=depth)
    assert "does not exist" in refusal(tmp_path / "none", depth=depth)
    assert "is no folder" in refusal(rgb, depth=tmp_path / "none")
    assert "have one name, 'a'" in refusal(rgb, depth / "a.png", depth=depth)
    assert "is not what this checkpoint takes" in refusal(rgb, modalities=("rgb",), depth=depth)


@pytest.mark.parametrize("text", ["depth", "depth=", "=folder"])
def test_a_modality_without_a_folder_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="write --modality NAME=FOLDER"):
        read_modalities([text])


def test_modalities_are_read() -> None:
    assert read_modalities(["a=x", "b=y,z"]) == {
        "a": (Path("x"),),
        "b": (Path("y"), Path("z")),
    }
    with pytest.raises(ConfigError, match="--modality a is given twice"):
        read_modalities(["a=x", "a=y"])


@pytest.mark.parametrize(
    ("size", "made"),
    [((60, 80), (48, 64)), ((80, 60), (64, 48)), ((50, 50), (48, 48)), ((30, 300), (48, 480))],
)
def test_a_whole_image_is_resized_and_not_cut(size, made) -> None:  # type: ignore[no-untyped-def]
    ramp = np.linspace(0, 1, size[1], dtype=np.float32)
    image: Image = np.broadcast_to(ramp[None, :, None], (*size, 3)).copy()

    for resize in ("bilinear", "nearest"):
        whole = whole_image(image, side=48, multiple=8, resize=resize)
        assert whole.shape == (3, *made)
        assert whole[0, 0, 0] < 0.02 and whole[0, 0, -1] > 0.98


def test_a_square_image_is_what_a_bank_is_made_of() -> None:
    image = np.random.default_rng(0).random((61, 61, 3), dtype=np.float32)

    for resize in ("bilinear", "nearest"):
        square = square_image(image, side=48, resize=resize)
        assert torch.equal(whole_image(image, side=48, multiple=8, resize=resize), square)


def evaluation_of(counts: list[list[int]]) -> Evaluation:
    return Evaluation(
        cluster=UNDEFINED,
        linear=UNDEFINED,
        signals=Signals(cluster_entropy=1, largest_share=1, mean_cosine=0, finite=True),
        cluster_counts_YY=np.array(counts),
        linear_counts_YY=np.array(counts),
    )


def test_clusters_are_named_as_the_score_matches_them() -> None:
    """Rows are classes, columns clusters: cluster 2 is class 0, and so on."""
    counts = [[1, 0, 9], [8, 2, 0], [5, 6, 0]]

    naming = name_clusters(evaluation_of(counts), ("a", "b", "c"), 7)

    assert naming.index_of_cluster_Y.tolist() == [1, 2, 0] and naming.names == ("a", "b", "c")
    assert "labels of the 7 val images" in naming.said
    assert naming.apply(np.array([[2, 0]], dtype=np.uint8)).tolist() == [[0, 1]]


def test_clusters_without_labels_keep_their_numbers() -> None:
    naming = name_clusters(evaluation_of([[0, 0], [0, 0]]), ("a", "b"), 7)

    assert naming.index_of_cluster_Y.tolist() == [0, 1]
    assert naming.names == ("cluster 0", "cluster 1") and "no labels" in naming.said


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained checkpoint in ``run``, its features in ``cache``, four own pictures."""
    root = tmp_path_factory.mktemp("own")
    run = Run.start(CONFIG, prepare(CONFIG, cache=root / "cache"), CPU)
    run.advance()
    run.save(root / "run")
    source = open_dataset(dataclasses.replace(CONFIG.data, seed=1)).source
    for modality in ("rgb", "depth"):
        (root / modality).mkdir()
        for number in range(2):
            image = source.image(f"test-000{number}", modality)[:32]  # 48 wide, 32 high
            levels = np.rint(image * 255).astype(np.uint8)
            PIL.Image.fromarray(levels).resize((72, 48)).save(root / modality / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def predictor(folder: Path) -> Predictor:
    material = prepare(CONFIG, cache=folder / "cache")
    return Predictor(
        scored=Run.restore(folder / "run", CONFIG, material, CPU).scored(),
        standards={
            name: Standard(rows_4C=torch.from_numpy(rows))
            for name, rows in material.standards.items()
        },
        backbone=open_backbone(CONFIG, CPU),
        features=CONFIG.features,
        source=open_dataset(CONFIG.data).source,
        device=CPU,
    )


@pytest.mark.parametrize("probe", ["cluster", "linear"])
def test_an_evaluation_image_is_predicted_as_in_an_evaluation(
    folder: Path, predictor: Predictor, probe: str
) -> None:
    """Features from the image are those of the bank to the last bit, and so are predictions."""
    material, data_set = prepare(CONFIG, cache=folder / "cache"), open_dataset(CONFIG.data)
    for place, name in enumerate(data_set.val.names):
        images = {m: data_set.source.image(name, m) for m in data_set.modalities}
        banked = {
            m: np.array(maps[place : place + 1]) for m, maps in material.val.features.items()
        }
        codes = codes_of(predictor.scored, banked, material.modalities, CPU)
        wanted = predict(codes, predictor.scored, grid=(6, 6), size=(48, 48))
        maps = {"cluster": wanted.clusters_Nhw, "linear": wanted.linear_Nhw}[probe]
        assert maps is not None

        found = predictor.predict(images, probe)  # type: ignore[arg-type]

        assert np.array_equal(found, maps[0].numpy()) and len(np.unique(found)) > 1


def test_sizes_that_differ_are_refused(folder: Path, predictor: Predictor) -> None:
    small = folder / "small.png"
    PIL.Image.new("RGB", (70, 48)).save(small)
    own = OwnImage(stem="0", files={"rgb": (folder / "rgb/0.png",), "depth": (small,)})

    with pytest.raises(DataError, match=r"small.png is 70 x 48 pixels, its rgb 72 x 48"):
        predictor.read(own)


def call(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, "argv", ["trainer", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return int(caught.value.code or 0)


def ask(monkeypatch: pytest.MonkeyPatch, folder: Path, *more: object, rgb: str = "rgb") -> int:
    common = ("--device", "cpu", "--cache", folder / "cache")
    depth = ("--modality", f"depth={folder / 'depth'}")
    return call(monkeypatch, "predict", folder / "run", folder / rgb, *depth, *common, *more)


def test_masks_and_overlays_have_the_images_size_and_the_classes_colours(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ask(monkeypatch, folder, "--out", tmp_path) == 0

    said = capsys.readouterr().out
    assert "clusters are named by the labels of the 2 val images" in said
    assert "found in 2 images" in said and str(tmp_path) in said
    legend = json.loads((tmp_path / "classes.json").read_text())
    palette = picture_palette(open_dataset(CONFIG.data).palette)
    assert [each["name"] for each in legend["classes"]][:2] == ["floor", "wall"]
    assert [tuple(each["colour"]) for each in legend["classes"]] == list(palette)
    for number in range(2):
        mask = PIL.Image.open(tmp_path / f"masks/{number}.png")
        overlay = PIL.Image.open(tmp_path / f"overlays/{number}.png")
        assert mask.mode == "P" and mask.size == overlay.size == (72, 48)
        label = np.asarray(mask)
        assert label.max() < len(palette)
        coloured = np.asarray(mask.convert("RGB"))
        assert np.array_equal(coloured, np.array(palette, dtype=np.uint8)[label])
        rgb = np.asarray(PIL.Image.open(folder / f"rgb/{number}.png")).astype(float)
        assert np.abs(np.asarray(overlay) - (rgb + coloured) / 2).max() <= 1


def test_the_linear_probe_can_be_asked(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ask(monkeypatch, folder, "--out", tmp_path, "--probe", "linear") == 0
    assert "trained on the labels of the train split" in capsys.readouterr().out


def test_an_image_that_cannot_be_read_stops_no_other(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(folder / "rgb", folder / "broken")
    (folder / "broken/0.png").write_bytes(b"")

    assert ask(monkeypatch, folder, "--out", tmp_path, rgb="broken") == 1

    assert "not predicted: cannot decode the image" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "masks").iterdir()] == ["1.png"]


def test_a_place_that_cannot_be_written_is_told(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("")

    assert ask(monkeypatch, folder, "--out", tmp_path / "file") == 2
    error = capsys.readouterr().err.strip()
    assert "cannot write" in error and "--out" in error and "\n" not in error


def test_without_labels_masks_hold_the_clusters_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One file is both modalities' here."""
    data = mfnet.without_labels(tmp_path / "data")
    features = FeatureConfig(train_resolution=16, eval_resolution=16, neighbours=5)
    training = dataclasses.replace(CONFIG.training, partner_ranks=5, iterations=2)
    config = dataclasses.replace(CONFIG, data=data, features=features, training=training)
    run = Run.start(config, prepare(config, cache=tmp_path / "cache"), CPU)
    run.advance()
    run.save(tmp_path / "run")
    images = tmp_path / "data/images"
    asked = ("predict", tmp_path / "run", images, "--modality", f"thermal={images}")
    common = ("--out", tmp_path / "out", "--cache", tmp_path / "cache", "--device", "cpu")

    assert call(monkeypatch, *asked, *common) == 0
    assert "masks hold the clusters' own numbers" in capsys.readouterr().out
    legend = json.loads((tmp_path / "out/classes.json").read_text())
    assert legend["classes"][3]["name"] == "cluster 3"
    assert call(monkeypatch, *asked, *common, "--probe", "linear") == 2
    assert "was not trained, for its train split has no labels" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "layout"),
    [("cityscapes", 0), ("mfnet", 0), ("nyu", "common"), ("mcubes", 0), ("folder", 0)],
)
def test_a_data_sets_own_files_are_decoded_as_it_reads_them(
    name: str, layout: str | int, tmp_path: Path
) -> None:
    layouts = MAKERS[name].LAYOUTS
    config = (layouts[layout] if layout else next(iter(layouts.values())))(tmp_path)
    data_set = open_dataset(config)
    image = data_set.train.names[-1]
    for modality in data_set.modalities:
        paths = data_set.source.images[modality][image]  # type: ignore[attr-defined]
        files = (paths,) if isinstance(paths, Path) else paths

        decoded = data_set.source.decode(modality, *files)

        assert np.array_equal(decoded, data_set.source.image(image, modality)), modality


def test_plain_pictures_are_taken_where_a_data_set_packs_its_own(tmp_path: Path) -> None:
    source = open_dataset(mfnet.authors(tmp_path)).source
    rng = np.random.default_rng(0)
    packed = rng.integers(0, 256, (8, 9, 4), dtype=np.uint8)
    for name, array in (("packed", packed), ("rgb", packed[..., :3]), ("heat", packed[..., 3])):
        PIL.Image.fromarray(np.ascontiguousarray(array)).save(tmp_path / f"{name}.png")

    for modality, plain in (("rgb", "rgb"), ("thermal", "heat")):
        of_both = source.decode(modality, tmp_path / "packed.png")
        assert np.array_equal(of_both, source.decode(modality, tmp_path / f"{plain}.png"))
    with pytest.raises(DataError, match="where 1 channel of 8 or 16 bits should be"):
        source.decode("thermal", tmp_path / "rgb.png")


def test_rooms_take_depth_as_three_channels(tmp_path: Path) -> None:
    source: Source = open_dataset(CONFIG.data).source
    PIL.Image.fromarray(np.zeros((8, 9), dtype=np.uint16)).save(tmp_path / "depth.png")

    with pytest.raises(DataError, match=r"depth\.png has one channel: .* height over the floor"):
        source.decode("depth", tmp_path / "depth.png")


def test_the_wrong_number_of_files_is_told(tmp_path: Path) -> None:
    config = next(iter(MAKERS["mcubes"].LAYOUTS.values()))(tmp_path)
    config = dataclasses.replace(config, modalities=("rgb", "aolp"))
    source = open_dataset(config).source

    with pytest.raises(DataError, match=r"2 make an image of aolp: .*aolp=FOLDER,FOLDER"):
        source.decode("aolp", tmp_path / "one.npy")
