"""The user's own images are matched, predicted at full size, named and saved as pictures."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from tests.fakes.data_sets import MAKERS, cityscapes, mfnet
from tests.fakes.trainer_command import call_trainer
from tests.unit.trainer.small import SMALL_OPTIONS
from trainer.commands.predict import flat_notes, read_modalities
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
from trainer.methods import METHODS, predicts_from
from trainer.predict import FileRules, OwnImage, Predictor, find_images, left_out, with_files
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


def find(
    *images: Path, modalities: tuple[str, ...] = ("rgb", "depth"), **folders: Path
) -> tuple[OwnImage, ...]:
    given = {name: (folder,) for name, folder in folders.items()}
    return find_images(images, modalities=modalities, folders=given)


def refusal(*images: Path, modalities: tuple[str, ...] = ("rgb", "depth"), **folders: Path) -> str:
    with pytest.raises(DataError) as caught:
        find(*images, modalities=modalities, **folders)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_files_with_the_same_stem_are_one_image(tmp_path: Path) -> None:
    rgb = touch(tmp_path / "rgb", "b.jpg", "a.PNG", ".c.png", "notes.txt")
    depth = touch(tmp_path / "depth", "a.npy", "b.png", "z.png")

    own = find(rgb, depth=depth)

    assert [each.stem for each in own] == ["a", "b"]
    assert own[0].files == {"rgb": (rgb / "a.PNG",), "depth": (depth / "a.npy",)}
    (single,) = find(rgb / "b.jpg", modalities=("rgb",))
    assert single.files == {"rgb": (rgb / "b.jpg",)}


def test_several_files_may_form_one_image(tmp_path: Path) -> None:
    folders = [touch(tmp_path / name, "a.png") for name in ("rgb", "sine", "cosine")]

    (own,) = find_images(
        folders[:1], modalities=("rgb", "aolp"), folders={"aolp": tuple(folders[1:])}
    )

    assert own.files["aolp"] == (folders[1] / "a.png", folders[2] / "a.png")


def test_files_that_do_not_match_are_refused(tmp_path: Path) -> None:
    rgb = touch(tmp_path / "rgb", "a.png", "b.png")
    depth = touch(tmp_path / "depth", "a.png")
    twice = touch(tmp_path / "twice", "a.png", "a.npy", "b.png")
    empty = touch(tmp_path / "empty", "notes.txt")

    assert "add --modality depth=FOLDER" in refusal(rgb)
    assert "(rgb (IMAGES), depth): leave it out" in refusal(rgb, depth=depth, nir=depth)
    assert "b.png has no matching file of the kind 'depth'" in refusal(rgb, depth=depth)
    assert "two matching files of the kind 'depth', a.npy and a.png" in refusal(rgb, depth=twice)
    assert "has no image" in refusal(empty, depth=depth)
    assert "does not exist" in refusal(tmp_path / "none", depth=depth)
    assert "is not a folder" in refusal(rgb, depth=tmp_path / "none")
    assert "have the same name, 'a'" in refusal(rgb, depth / "a.png", depth=depth)
    assert "is not used by this checkpoint" in refusal(rgb, modalities=("rgb",), depth=depth)


STREET = FileRules(affixes={"rgb": ("", "_leftImg8bit"), "disparity": ("", "_disparity")})


@pytest.mark.parametrize("folders", [("left", "right"), ("both", "both")])
def test_files_named_like_those_of_the_data_set_match(
    tmp_path: Path, folders: tuple[str, str]
) -> None:
    rgb, disparity = (tmp_path / folder for folder in folders)
    touch(rgb, "a_leftImg8bit.png", "b_leftImg8bit.png")
    touch(disparity, "a_disparity.png", "b_disparity.png", "c_disparity.png")

    own = find_images(
        [rgb],
        modalities=("rgb", "disparity"),
        folders={"disparity": (disparity,)},
        rules=STREET,
    )

    assert [each.stem for each in own] == ["a_leftImg8bit", "b_leftImg8bit"]
    assert own[1].files["disparity"] == (disparity / "b_disparity.png",)
    assert len(left_out([rgb], own)) == (rgb == disparity)
    # a single file is found as well, and so are files with plain names
    (single,) = find_images(
        [rgb / "b_leftImg8bit.png"],
        modalities=("rgb", "disparity"),
        folders={"disparity": (disparity,)},
        rules=STREET,
    )
    assert single.files == own[1].files
    plain = touch(tmp_path / "plain", "x.png")
    (renamed,) = find_images(
        [plain], modalities=("rgb", "disparity"), folders={"disparity": (plain,)}, rules=STREET
    )
    assert renamed.files["disparity"] == (plain / "x.png",)


def test_another_modality_next_to_the_images_is_not_an_image(tmp_path: Path) -> None:
    rules = FileRules(affixes={"rgb": ("", ""), "depth": ("", "_depth")})
    both = touch(tmp_path / "both", "a.png", "a_depth.png", "b.png", "b_depth.png")

    own = find_images([both], modalities=("rgb", "depth"), folders={"depth": (both,)}, rules=rules)

    assert [each.stem for each in own] == ["a", "b"]
    assert own[0].files["depth"] == (both / "a_depth.png",)
    assert left_out([both], own) == ()


def test_rules_are_those_of_the_data_set(tmp_path: Path) -> None:
    street = open_dataset(cityscapes.by_city(tmp_path / "street"))
    packed = open_dataset(mfnet.authors(tmp_path / "packed"))

    assert FileRules.of(street.source, street.modalities) == STREET
    assert FileRules.of(packed.source, packed.modalities).packed == {"thermal"}
    folder = touch(tmp_path / "own", "a.png")
    (own,) = find_images(
        [folder],
        modalities=packed.modalities,
        folders={},
        rules=FileRules.of(packed.source, packed.modalities),
    )
    assert own.files["thermal"] == own.files["rgb"] == (folder / "a.png",)


def test_files_that_are_not_predicted_are_counted(tmp_path: Path) -> None:
    rgb = touch(tmp_path / "rgb", "a.png", "b.heic", ".DS_Store", "Thumbs.db")
    touch(rgb / "day2", "c.png", "d.png")

    own = find_images([rgb], modalities=("rgb",), folders={})

    (line,) = left_out([rgb], own)
    assert line.startswith("3 files are in") and "b.heic, day2/c.png, day2/d.png" in line
    assert left_out([rgb / "a.png"], own) == ()
    outer = touch(tmp_path / "outer")
    rgb.rename(outer / "rgb")
    with pytest.raises(DataError, match=r"has no image: give .*outer/rgb, .*outer/rgb/day2"):
        find_images([outer], modalities=("rgb",), folders={})


@pytest.mark.parametrize("text", ["depth", "depth=", "=folder"])
def test_a_modality_without_a_folder_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="give --modality NAME=FOLDER"):
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
def test_a_whole_image_is_resized_without_cropping(
    size: tuple[int, int], made: tuple[int, int]
) -> None:
    ramp = np.linspace(0, 1, size[1], dtype=np.float32)
    image: Image = np.broadcast_to(ramp[None, :, None], (*size, 3)).copy()

    for resize in ("bilinear", "nearest"):
        whole = whole_image(image, side=48, multiple=8, resize=resize)
        assert whole.shape == (3, *made)
        assert whole[0, 0, 0] < 0.02 and whole[0, 0, -1] > 0.98


def test_a_square_image_is_prepared_like_those_of_the_feature_cache() -> None:
    image = np.random.default_rng(0).random((61, 61, 3), dtype=np.float32)

    for resize in ("bilinear", "nearest"):
        square = square_image(image, side=48, resize=resize)
        assert torch.equal(whole_image(image, side=48, multiple=8, resize=resize), square)


def train(config: TrainConfig, folder: Path) -> None:
    """A checkpoint in ``run``, its features in ``cache``."""
    run = Run.start(config, prepare(config, cache=folder / "cache"), CPU)
    run.advance()
    run.save(folder / "run")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained checkpoint in ``run``, its features in ``cache``, four own pictures."""
    root = tmp_path_factory.mktemp("own")
    train(CONFIG, root)
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
    dataset_features = prepare(CONFIG, cache=folder / "cache")
    return Predictor(
        scored=Run.restore(folder / "run", CONFIG, dataset_features, CPU).scored(),
        standards={
            name: Standard(rows_4C=torch.from_numpy(rows))
            for name, rows in dataset_features.standards.items()
        },
        backbone=open_backbone(CONFIG, CPU),
        features=CONFIG.features,
        modalities=CONFIG.data.modalities,
        source=open_dataset(CONFIG.data).source,
        device=CPU,
    )


@pytest.mark.parametrize("probe", ["cluster", "linear"])
def test_an_evaluation_image_is_predicted_as_in_an_evaluation(
    folder: Path, predictor: Predictor, probe: str
) -> None:
    """Features and predictions of the image equal those of the cache bit for bit."""
    dataset_features, data_set = prepare(CONFIG, cache=folder / "cache"), open_dataset(CONFIG.data)
    for place, name in enumerate(data_set.val.names):
        images = {m: data_set.source.image(name, m) for m in data_set.modalities}
        banked = {
            m: np.array(maps[place : place + 1])
            for m, maps in dataset_features.val.features.items()
        }
        codes = codes_of(predictor.scored, banked, dataset_features.modalities, CPU)
        wanted = predict(codes, predictor.scored, grid=(6, 6), size=(48, 48))
        maps = {"cluster": wanted.clusters_Nhw, "linear": wanted.linear_Nhw}[probe]
        assert maps is not None

        found = predictor.predict(images, probe)  # type: ignore[arg-type]

        assert np.array_equal(found, maps[0].numpy()) and len(np.unique(found)) > 1


@pytest.mark.parametrize("name", METHODS)
def test_a_checkpoint_of_any_method_predicts_own_images(
    folder: Path, tmp_path: Path, name: str
) -> None:
    method = MethodConfig(name=name, code_dim=4, options=SMALL_OPTIONS.get(name, {}))
    config = dataclasses.replace(CONFIG, method=method)
    train(config, tmp_path)
    asked = ["predict", tmp_path / "run", folder / "rgb"]
    if "depth" in predicts_from(config):
        asked += ["--modality", f"depth={folder / 'depth'}"]
    common = ("--out", tmp_path / "out", "--cache", tmp_path / "cache", "--device", "cpu")
    assert call_trainer(*asked, *common) == 0
    masks = sorted((tmp_path / "out" / "masks").iterdir())
    assert [mask.name for mask in masks] == ["0.png", "1.png"]


def test_depth_used_only_in_training_is_not_required(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(dataclasses.replace(CONFIG, method=MethodConfig(name="depthg", code_dim=4)), tmp_path)
    common = ("--out", tmp_path / "out", "--cache", tmp_path / "cache", "--device", "cpu")
    asked = ("predict", tmp_path / "run", folder / "rgb")
    capsys.readouterr()
    assert call_trainer(*asked, "--modality", f"depth={folder / 'depth'}", *common) == 2
    assert "--modality depth is not used by this checkpoint" in capsys.readouterr().err


def test_sizes_that_differ_are_refused(folder: Path, predictor: Predictor) -> None:
    small = folder / "small.png"
    PIL.Image.new("RGB", (70, 48)).save(small)
    own = OwnImage(stem="0", files={"rgb": (folder / "rgb/0.png",), "depth": (small,)})

    with pytest.raises(DataError, match=r"small.png is 70 x 48 pixels, its rgb 72 x 48"):
        predictor.read(own)


def test_images_that_are_the_same_everywhere_are_named(folder: Path, predictor: Predictor) -> None:
    """As depth in metres is where millimetres are expected."""
    PIL.Image.new("RGB", (72, 48)).save(folder / "flat.png")
    normal = OwnImage(
        stem="0", files={"rgb": (folder / "rgb/0.png",), "depth": (folder / "depth/0.png",)}
    )
    flat = dataclasses.replace(normal, files={**normal.files, "depth": (folder / "flat.png",)})
    broken = dataclasses.replace(normal, files={**normal.files, "depth": (folder / "none.png",)})

    assert list(flat_notes((normal, flat), predictor.source)) == []
    assert list(flat_notes((broken,), predictor.source)) == []
    (line,) = flat_notes((flat, broken, flat), predictor.source)
    assert line.startswith(
        "depth: every one of 2 images that were looked at is the same everywhere"
    )


def train_briefly(data: DataConfig, folder: Path) -> None:
    """Two iterations: a checkpoint in ``run``, its features in ``cache``."""
    features = FeatureConfig(train_resolution=16, eval_resolution=16, neighbours=5)
    training = dataclasses.replace(CONFIG.training, partner_ranks=5, iterations=2)
    train(dataclasses.replace(CONFIG, data=data, features=features, training=training), folder)


def ask(folder: Path, *more: object, rgb: str = "rgb") -> int:
    common = ("--device", "cpu", "--cache", folder / "cache")
    depth = ("--modality", f"depth={folder / 'depth'}")
    return call_trainer("predict", folder / "run", folder / rgb, *depth, *common, *more)


def test_masks_and_overlays_have_the_images_size_and_the_classes_colours(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ask(folder, "--out", tmp_path) == 0

    said = capsys.readouterr().out
    assert "clusters are named by the labels of the 2 val images" in said
    assert "found in 2 images" in said and str(tmp_path) in said
    legend = json.loads((tmp_path / "classes.json").read_text())
    classes = picture_palette(open_dataset(CONFIG.data).palette)
    assert [each["name"] for each in legend["classes"]][:2] == ["floor", "wall"]
    palette = [tuple(each["colour"]) for each in legend["classes"]]
    assert palette[: len(classes)] == list(classes)
    assert "of its labelled val pixels" in said
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


def test_the_linear_probe_can_be_chosen(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ask(folder, "--out", tmp_path, "--probe", "linear") == 0
    assert "trained on the labels of the train split" in capsys.readouterr().out


def test_an_unreadable_image_does_not_stop_the_others(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(folder / "rgb", folder / "broken")
    (folder / "broken/0.png").write_bytes(b"")

    assert ask(folder, "--out", tmp_path, rgb="broken") == 1

    assert "not predicted: cannot decode the image" in capsys.readouterr().out
    assert [path.name for path in (tmp_path / "masks").iterdir()] == ["1.png"]


def test_an_output_folder_that_cannot_be_written_is_refused(
    folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("")

    assert ask(folder, "--out", tmp_path / "file") == 2
    error = capsys.readouterr().err.strip()
    assert "cannot write" in error and "--out" in error and "\n" not in error


def test_without_labels_masks_have_the_clusters_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here one file holds both modalities."""
    data = mfnet.without_labels(tmp_path / "data")
    train_briefly(data, tmp_path)
    images = tmp_path / "data/images"
    asked = ("predict", tmp_path / "run", images, "--modality", f"thermal={images}")
    common = ("--out", tmp_path / "out", "--cache", tmp_path / "cache", "--device", "cpu")

    assert call_trainer(*asked, *common) == 0
    assert "masks hold the clusters' own numbers" in capsys.readouterr().out
    masks = {path.name: path.read_bytes() for path in (tmp_path / "out/masks").iterdir()}
    assert call_trainer("predict", tmp_path / "run", images, *common) == 0
    assert masks == {path.name: path.read_bytes() for path in (tmp_path / "out/masks").iterdir()}
    capsys.readouterr()
    legend = json.loads((tmp_path / "out/classes.json").read_text())
    assert legend["classes"][3]["name"] == "cluster 3"
    assert call_trainer(*asked, *common, "--probe", "linear") == 2
    assert (
        "has no trained linear probe, since its train split has no labels"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("name", "layout"),
    [("cityscapes", 0), ("mfnet", 0), ("nyu", "common"), ("mcubes", 0), ("folder", 0)],
)
def test_files_of_a_data_set_are_decoded_like_its_images(
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


def test_plain_pictures_are_accepted_even_if_a_data_set_packs_its_own(tmp_path: Path) -> None:
    source = open_dataset(mfnet.authors(tmp_path)).source
    rng = np.random.default_rng(0)
    packed = rng.integers(0, 256, (8, 9, 4), dtype=np.uint8)
    for name, array in (("packed", packed), ("rgb", packed[..., :3]), ("heat", packed[..., 3])):
        PIL.Image.fromarray(np.ascontiguousarray(array)).save(tmp_path / f"{name}.png")

    for modality, plain in (("rgb", "rgb"), ("thermal", "heat")):
        of_both = source.decode(modality, tmp_path / "packed.png")
        assert np.array_equal(of_both, source.decode(modality, tmp_path / f"{plain}.png"))
    with pytest.raises(
        DataError, match="instead of 1 channel of 8 or 16 bits: give the original file"
    ):
        source.decode("thermal", tmp_path / "rgb.png")


def test_rooms_take_depth_as_three_channels(tmp_path: Path) -> None:
    source: Source = open_dataset(CONFIG.data).source
    PIL.Image.fromarray(np.zeros((8, 9), dtype=np.uint16)).save(tmp_path / "depth.png")

    with pytest.raises(
        DataError, match=r"depth\.png has one channel, but 'rooms' .* height above the floor"
    ):
        source.decode("depth", tmp_path / "depth.png")


def test_fused_images_are_made_from_own_rgb_and_thermal_images(
    tmp_path: Path, predictor: Predictor, capsys: pytest.CaptureFixture[str]
) -> None:
    """The images of the data set, as a user's own, give the same fused image."""
    data = dataclasses.replace(
        MAKERS["folder"].LAYOUTS["lists"](tmp_path / "data"), modalities=("fused",)
    )
    train_briefly(data, tmp_path)
    (tmp_path / "heat").mkdir()
    for name in ("a_1", "a_2", "b_1", "c_1"):
        shutil.copy(tmp_path / f"data/{name}/thermal.png", tmp_path / f"heat/{name}.png")
    asked = ("predict", tmp_path / "run", tmp_path / "data/colour", "--out", tmp_path / "out")
    common = ("--cache", tmp_path / "cache", "--device", "cpu")

    assert call_trainer(*asked, "--modality", f"thermal={tmp_path / 'heat'}", *common) == 0
    assert len(list((tmp_path / "out/masks").iterdir())) == 4
    source = open_dataset(data).source
    assert with_files(source, ("fused",)) == with_files(source, ("rgb", "fused"))
    own = OwnImage(
        stem="a_1",
        files={
            "rgb": (tmp_path / "data/colour/a_1.png",),
            "thermal": (tmp_path / "heat/a_1.png",),
        },
    )
    read = dataclasses.replace(predictor, source=source, modalities=("fused",)).read(own)
    assert list(read) == ["fused"]
    assert np.array_equal(read["fused"], source.image("a_1", "fused"))
    capsys.readouterr()
    assert call_trainer(*asked, *common) == 2
    assert "also needs thermal: add --modality thermal=FOLDER" in capsys.readouterr().err


def test_packed_images_are_fused_without_a_folder_of_thermal_images(tmp_path: Path) -> None:
    data = dataclasses.replace(mfnet.authors(tmp_path / "data"), modalities=("fused",))
    train_briefly(data, tmp_path)

    assert call_trainer(
        "predict", tmp_path / "run", tmp_path / "data/images",
        "--out", tmp_path / "out", "--cache", tmp_path / "cache", "--device", "cpu",
    ) == 0  # fmt: skip
    assert len(list((tmp_path / "out/masks").iterdir())) == 4


def test_a_wrong_number_of_files_is_refused(tmp_path: Path) -> None:
    config = next(iter(MAKERS["mcubes"].LAYOUTS.values()))(tmp_path)
    config = dataclasses.replace(config, modalities=("rgb", "aolp"))
    source = open_dataset(config).source

    with pytest.raises(DataError, match=r"an image of aolp consists of 2: .*aolp=FOLDER,FOLDER"):
        source.decode("aolp", tmp_path / "one.npy")


def test_the_users_palette_colours_masks_overlays_and_their_legend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three classes: few enough for the colours that are ours otherwise."""
    data = dataclasses.replace(
        MAKERS["folder"].LAYOUTS["lists"](tmp_path / "data"), modalities=("rgb", "height")
    )
    train_briefly(data, tmp_path)
    height = f"height={tmp_path / 'data/height'}"

    assert call_trainer(
        "predict", tmp_path / "run", tmp_path / "data/colour", "--modality", height,
        "--out", tmp_path / "out", "--cache", tmp_path / "cache", "--device", "cpu",
    ) == 0  # fmt: skip

    own = ((80, 60, 40), (60, 160, 60), (200, 60, 60))
    legend = json.loads((tmp_path / "out/classes.json").read_text())["classes"]
    assert tuple(tuple(each["colour"]) for each in legend[:3]) == own
    assert [each["name"] for each in legend[:3]] == ["ground", "plant", "building"]
    label, seen = PIL.Image.open(tmp_path / "out/masks/a_1.png"), capsys.readouterr().out
    shown = np.asarray(label.convert("RGB"))[np.asarray(label) < 3]
    assert {tuple(colour) for colour in shown.tolist()} <= set(own) and "#" in seen
