import hashlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from trainer.backbones.patch_stats import PatchStats
from trainer.config.configuration import DataConfig
from trainer.datasets import open_dataset, rooms
from trainer.datasets.base import DataSet
from trainer.datasets.crops import square_image
from trainer.datasets.rooms import RoomsSource
from trainer.datasets.rooms.render import MILLIMETRES, camera_rays
from trainer.errors import ConfigError

Array = NDArray[Any]
Tokens = dict[str, tuple[Array, Array, Array]]

SCENES = 28

#: Statistics of seed 0's scene train-0000 in version 2: share of each class, mean depth in
#: millimetres, mean brightness.
SHARES = [0.0685, 0.2781, 0.1702, 0.1328, 0.1151, 0.0654, 0.0772, 0.0926]
DEPTH = 4591.1
COLOUR = 96.703


@pytest.fixture(scope="module")
def some_rooms() -> DataSet:
    return open_dataset(DataConfig(options={"train": SCENES, "val": 1, "test": 1}))


def source_of(data_set: DataSet) -> RoomsSource:
    assert isinstance(data_set.source, RoomsSource)
    return data_set.source


def class_of(data_set: DataSet, name: str) -> int:
    return data_set.classes.index(name)


def test_a_picture_depends_only_on_seed_split_and_number(some_rooms: DataSet) -> None:
    source = source_of(some_rooms)
    first = source.draw("train-0003")[1]
    rooms._draw.cache_clear()
    source.draw("val-0000")
    again = source.draw("train-0003")[1]

    assert again is not first
    for part in ("colour", "depth", "label"):
        assert np.array_equal(getattr(first, part), getattr(again, part))
    others = [source.draw("val-0003")[1], RoomsSource(seed=1, size=160).draw("train-0003")[1]]
    for other in others:
        assert not np.array_equal(first.label, other.label)


def test_another_process_draws_the_same_bits(some_rooms: DataSet) -> None:
    program = (
        "import hashlib; from trainer.datasets.rooms import RoomsSource;"
        "picture = RoomsSource(seed=0, size=160).draw('train-0005')[1];"
        "print(hashlib.sha256(picture.colour.tobytes() + picture.depth.tobytes()"
        " + picture.label.tobytes()).hexdigest())"
    )
    picture = source_of(some_rooms).draw("train-0005")[1]
    here = hashlib.sha256(
        picture.colour.tobytes() + picture.depth.tobytes() + picture.label.tobytes()
    ).hexdigest()

    there = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert there.stdout.strip() == here, there.stderr


def test_pictures_match_the_version(some_rooms: DataSet) -> None:
    """A change of the pictures has to raise ROOMS_VERSION, and then these numbers."""
    assert rooms.ROOMS_VERSION == 2
    label = source_of(some_rooms).draw("train-0000")[1].label
    depth = source_of(some_rooms).draw("train-0000")[1].depth
    colour = source_of(some_rooms).draw("train-0000")[1].colour

    shares = np.bincount(label.ravel(), minlength=8) / label.size
    assert shares == pytest.approx(SHARES, abs=2e-4)
    assert depth.mean() == pytest.approx(DEPTH, rel=1e-4)
    assert colour.mean() == pytest.approx(COLOUR, rel=1e-4)


def test_depth_places_every_class_at_its_height(some_rooms: DataSet) -> None:
    for name in some_rooms.train.names[:6]:
        scene, picture = source_of(some_rooms).draw(name)
        metres = picture.depth / MILLIMETRES
        height = camera_rays(scene.camera, 160)[2] * metres + scene.camera.position[2]

        heights = {
            cls: height[picture.label == index] for index, cls in enumerate(some_rooms.classes)
        }
        assert np.abs(heights["floor"]).max() < 0.1
        assert np.abs(heights["rug"]).max(initial=0) < 0.1
        assert np.abs(heights["ceiling"] - scene.size[2]).max() < 0.15
        assert heights["bed"].max(initial=0) < 0.55
        if len(heights["table"]):
            assert 0.7 < np.quantile(heights["table"], 0.9) < 1.1
        window = metres[picture.label == class_of(some_rooms, "window")]
        assert window.min(initial=99) > 5.5


def test_depth_channels_mean_distance_height_and_tilt(some_rooms: DataSet) -> None:
    name = some_rooms.train.names[0]
    image = some_rooms.source.image(name, "depth")
    label = some_rooms.source.label(name)

    assert image.dtype == np.float32 and image.shape == (160, 160, 3)
    assert image.min() >= 0 and image.max() <= 1
    tilt = {
        cls: np.median(image[label == class_of(some_rooms, cls), 2])
        for cls in ("floor", "wall", "ceiling")
    }
    assert tilt["floor"] > 0.95 and tilt["ceiling"] < 0.05
    assert abs(tilt["wall"] - 0.5) < 0.1


def test_every_class_occurs_often_enough(some_rooms: DataSet) -> None:
    seen = np.stack(
        [
            np.bincount(some_rooms.source.label(name).ravel(), minlength=8)
            for name in some_rooms.train.names
        ]
    )

    assert ((seen > 100).mean(axis=0) > 0.3).all()
    assert (seen.sum(axis=0) / seen.sum() > 0.01).all()


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    """Modality to features, classes and scene number of tokens of one class only."""
    data_set = open_dataset(DataConfig(options={"train": 70, "val": 1, "test": 1}))
    found: dict[str, list[tuple[Array, Array, Array]]] = {"rgb": [], "depth": []}
    for number, name in enumerate(data_set.train.names):
        label = data_set.source.label(name).reshape(20, 8, 20, 8).transpose(0, 2, 1, 3)
        patches = label.reshape(400, 64)
        pure = (patches == patches[:, :1]).all(axis=1)
        for modality, rows in found.items():
            image = square_image(data_set.source.image(name, modality), side=160, resize="nearest")
            features = PatchStats(patch=8).features(image[None]).reshape(400, -1).numpy()
            rows.append((features[pure], patches[pure, 0], np.full(pure.sum(), number)))
    joined: Tokens = {}
    for modality, rows in found.items():
        features_of, labels_of, scenes_of = zip(*rows, strict=True)
        joined[modality] = (
            np.concatenate(features_of),
            np.concatenate(labels_of),
            np.concatenate(scenes_of),
        )
    return joined


def separability(
    tokens: tuple[Array, Array, Array],
    pair: tuple[int, int],
) -> float:
    """Share of held-out scenes' tokens that a linear discriminant puts on the right side."""
    features, labels, scenes = tokens
    rng = np.random.default_rng(0)

    def balanced(held_out: bool) -> tuple[Array, Array]:
        parts = [np.flatnonzero((labels == cls) & ((scenes % 3 == 0) == held_out)) for cls in pair]
        count = min(len(part) for part in parts)
        rows = np.concatenate([rng.permutation(part)[:count] for part in parts])
        return features[rows].astype(np.float64), np.repeat([0, 1], count)

    (train, truth), (test, wanted) = balanced(False), balanced(True)
    assert len(test) >= 100
    centre, scale = train.mean(axis=0), train.std(axis=0) + 1e-6
    train, test = (train - centre) / scale, (test - centre) / scale
    means = [train[truth == side].mean(axis=0) for side in (0, 1)]
    within = np.cov((train - np.stack(means)[truth]).T) + 0.1 * np.eye(train.shape[1])
    direction = np.linalg.solve(within, means[1] - means[0])
    middle = (means[0] + means[1]) / 2
    return float(np.mean(((test - middle) @ direction > 0) == wanted))


@pytest.mark.parametrize("pair", [("bed", "table"), ("picture", "window")])
def test_some_pairs_differ_only_in_depth(
    tokens: Tokens, some_rooms: DataSet, pair: tuple[str, str]
) -> None:
    classes = class_of(some_rooms, pair[0]), class_of(some_rooms, pair[1])

    assert separability(tokens["rgb"], classes) < 0.7
    assert separability(tokens["depth"], classes) > 0.95


@pytest.mark.parametrize(
    ("pair", "most"),
    [
        (("floor", "rug"), 0.75),
        (("wall", "picture"), 0.85),  # no picture hangs as low or as high as walls reach
    ],
)
def test_some_pairs_differ_only_in_rgb(
    tokens: Tokens, some_rooms: DataSet, pair: tuple[str, str], most: float
) -> None:
    classes = class_of(some_rooms, pair[0]), class_of(some_rooms, pair[1])

    assert separability(tokens["rgb"], classes) > 0.95
    assert separability(tokens["depth"], classes) < most


def test_both_modalities_carry_the_classes(tokens: Tokens) -> None:
    """Ridge regression on held-out scenes, mean share of each class that is found."""
    labels, held_out = tokens["rgb"][1], tokens["rgb"][2] % 3 == 0

    def recall(*modalities: str) -> float:
        features = np.concatenate([tokens[modality][0] for modality in modalities], axis=1)
        train = features[~held_out].astype(np.float64)
        centre, scale = train.mean(axis=0), train.std(axis=0) + 1e-6
        design = np.c_[(features - centre) / scale, np.ones(len(features))]
        known = design[~held_out]
        weights = np.linalg.solve(
            known.T @ known + 10 * np.eye(known.shape[1]),
            known.T @ np.eye(8)[labels[~held_out]],
        )
        right = (design[held_out] @ weights).argmax(axis=1) == labels[held_out]
        return float(np.mean([right[labels[held_out] == cls].mean() for cls in range(8)]))

    both = recall("rgb", "depth")
    assert both > 0.8
    assert both - recall("rgb") > 0.1
    assert both - recall("depth") > 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trian": 3}, "unknown key 'trian'.*did you mean 'train'"),
        ({"train": 0}, "data.options.train = 0 is too small"),
        ({"size": "big"}, "should be a whole number"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_dataset(DataConfig(options=dict(options)))


def test_a_folder_is_refused() -> None:
    with pytest.raises(ConfigError, match="leave it out"):
        open_dataset(DataConfig(root="/somewhere"))


def test_drawing_leaves_global_random_state_alone() -> None:
    before = torch.random.get_rng_state()

    RoomsSource(seed=5, size=32).draw("train-0000")

    assert torch.equal(before, torch.random.get_rng_state())
