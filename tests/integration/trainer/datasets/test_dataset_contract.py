"""Contract of every data set, on small copies in each layout and on the real samples.

A new data set is a line in :data:`tests.fakes.data_sets.MAKERS`.
"""

import dataclasses
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.fakes.data_sets import MAKERS
from trainer.config.configuration import (
    DataConfig,
    EvaluationConfig,
    FeatureConfig,
    MethodConfig,
    TrainConfig,
    TrainingConfig,
)
from trainer.datasets import DATASETS, DataSet, open_dataset
from trainer.datasets.base import Image
from trainer.engine.run import Run
from trainer.errors import ConfigError
from trainer.features import prepare
from trainer.features.fingerprint import data_fingerprint

DATA = Path(os.environ.get("UMSS_DATA", "/nowhere"))
needs_samples = pytest.mark.skipif(
    not DATA.is_dir(), reason="set UMSS_DATA to the folder of the sample data"
)

LAYOUTS = [
    pytest.param((name, layout), id=f"{name}: {layout}")
    for name, maker in MAKERS.items()
    for layout in maker.LAYOUTS
]
SAMPLES = [
    pytest.param((name, None), id=f"{name}: real sample", marks=needs_samples)
    for name, maker in MAKERS.items()
    if hasattr(maker, "sample")
]


@dataclass
class Copy:
    """A data set on disk (or generated), and a folder for results."""

    config: DataConfig
    cache: Path
    _images: dict[tuple[str, str], Image] = field(default_factory=dict)

    @cached_property
    def data_set(self) -> DataSet:
        return open_dataset(self.config)

    def image(self, name: str, modality: str) -> Image:
        if (name, modality) not in self._images:
            self._images[name, modality] = self.data_set.source.image(name, modality)
        return self._images[name, modality]

    def fingerprint(self, config: DataConfig) -> str:
        return data_fingerprint(open_dataset(config), self.cache, lambda *_: None)


@pytest.fixture(scope="module", params=[*LAYOUTS, *SAMPLES])
def copy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    name, layout = request.param
    folder = tmp_path_factory.mktemp("data_set")
    maker = MAKERS[name]
    root = folder / "root"
    config = maker.sample(DATA, root) if layout is None else maker.LAYOUTS[layout](root)
    return Copy(config=config, cache=folder / "cache")


def test_every_data_set_has_a_maker() -> None:
    assert set(MAKERS) == set(DATASETS)


def test_splits_share_no_image_and_none_is_empty(copy: Copy) -> None:
    names = [name for split in copy.data_set.splits().values() for name in split.names]

    assert len(set(names)) == len(names)
    assert all(len(split) for split in copy.data_set.splits().values())


def test_opening_again_gives_the_same(copy: Copy) -> None:
    again = open_dataset(copy.config)

    assert again.splits() == copy.data_set.splits()
    assert again.identity == copy.data_set.identity and again.notes == copy.data_set.notes


def test_images_are_three_channels_from_0_to_1_of_one_size(copy: Copy) -> None:
    for split in copy.data_set.splits().values():
        name = split.names[0]
        images = [copy.image(name, each) for each in copy.data_set.modalities]
        for image in images:
            assert image.dtype == np.float32 and image.shape == (*images[0].shape[:2], 3)
            assert np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1
            assert image.std() > 0


def test_labels_are_classes_or_255_and_as_large_as_the_image(copy: Copy) -> None:
    classes = len(copy.data_set.classes)
    for split in copy.data_set.splits().values():
        for name in split.names[:1] if split.labelled else ():
            label = copy.data_set.source.label(name)
            image = copy.image(name, copy.data_set.modalities[0])
            assert label.dtype == np.uint8 and label.shape == image.shape[:2]
            assert set(np.unique(label)) <= {*range(classes), 255}
            assert (label < 255).any()


def test_classes_have_names_and_colours(copy: Copy) -> None:
    classes = copy.data_set.classes

    assert len(set(classes)) == len(classes) == len(copy.data_set.palette) > 1
    assert all(0 <= part <= 255 for colour in copy.data_set.palette for part in colour)


def test_stored_arrays_have_the_images_height(copy: Copy) -> None:
    name = copy.data_set.train.names[0]
    for modality in copy.data_set.modalities:
        stored = copy.data_set.source.stored(name, modality)
        assert stored is None or stored.shape[0] == copy.image(name, modality).shape[0]


def test_files_are_under_the_root(copy: Copy) -> None:
    for path in copy.data_set.source.files():
        assert copy.data_set.root is not None and path.is_relative_to(copy.data_set.root)


def test_an_unknown_modality_is_refused_with_the_known_ones(copy: Copy) -> None:
    asked = dataclasses.replace(copy.config, modalities=("rgb", "sonar"))

    with pytest.raises(ConfigError, match=r"'sonar'.*choose from rgb"):
        open_dataset(asked)


def test_an_unknown_option_is_refused(copy: Copy) -> None:
    asked = dataclasses.replace(copy.config, options={**copy.config.options, "colour": "blue"})

    with pytest.raises(ConfigError, match=r"'colour' in table \[data.options\]"):
        open_dataset(asked)


def test_options_that_change_pixels_change_the_fingerprint(copy: Copy) -> None:
    before = copy.fingerprint(copy.config)
    for option, value in getattr(MAKERS[copy.config.name], "PIXEL_OPTIONS", {}).items():
        options = {**copy.config.options, option: value}
        assert copy.fingerprint(dataclasses.replace(copy.config, options=options)) != before
    assert copy.fingerprint(copy.config) == before


def test_a_sound_copy_passes_the_check(copy: Copy) -> None:
    copy.data_set.source.check()


def test_it_trains(copy: Copy) -> None:
    config = TrainConfig(
        data=copy.config,
        features=FeatureConfig(train_resolution=16, eval_resolution=24),
        method=MethodConfig(code_dim=4),
        training=TrainingConfig(iterations=2, batch_size=4, samples=3),
        evaluation=EvaluationConfig(evaluations=1),
    )
    dataset_features = prepare(config, cache=copy.cache)
    run = Run.start(config, dataset_features, torch.device("cpu"))

    report = run.advance()

    assert report.iteration == 2 and report.signals.finite and np.isfinite(report.loss)
    labelled = copy.data_set.val.labelled
    assert (dataset_features.val.labels is not None) == labelled
    assert np.isfinite(report.cluster.miou) == labelled
