"""What holds for every data set: over small copies in each layout, and over the real samples.

A new data set is a line in :data:`tests.fakes.data_sets.MAKERS`.
"""

import dataclasses
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.fakes.data_sets import MAKERS
from trainer.config import (
    DataConfig,
    EvaluationConfig,
    FeatureConfig,
    MethodConfig,
    TrainConfig,
    TrainingConfig,
)
from trainer.datasets import DATASETS, DataSet, open_dataset
from trainer.errors import ConfigError
from trainer.features import prepare, validate
from trainer.features.fingerprint import data_fingerprint
from trainer.run import Run

DATA = Path(os.environ.get("UMSS_DATA", "/nowhere"))
needs_samples = pytest.mark.skipif(
    not DATA.is_dir(), reason="set UMSS_DATA to the folder of the sample data"
)


@dataclass
class Copy:
    """A data set on disk (or drawn), and a folder for what is made from it."""

    config: DataConfig
    cache: Path

    @cached_property
    def data_set(self) -> DataSet:
        return open_dataset(self.config)

    def fingerprint(self, config: DataConfig) -> str:
        return data_fingerprint(open_dataset(config), self.cache, lambda *_: None)


LAYOUTS = [
    pytest.param(name, layout, id=f"{name}: {layout}")
    for name, maker in MAKERS.items()
    for layout in maker.LAYOUTS
]
SAMPLES = [
    pytest.param(name, None, id=f"{name}: real sample", marks=needs_samples)
    for name, maker in MAKERS.items()
    if hasattr(maker, "sample")
]


@pytest.fixture(scope="module", params=[*LAYOUTS, *SAMPLES])
def copy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    name, layout = request.param
    folder = tmp_path_factory.mktemp("data_set")
    maker = MAKERS[name]
    config = maker.sample(DATA) if layout is None else maker.LAYOUTS[layout](folder / "root")
    return Copy(config=config, cache=folder / "cache")
