from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from trainer.config.configuration import DataConfig, FeatureConfig
from trainer.datasets import open_dataset
from trainer.errors import DataError
from trainer.features.cache_entry import EntryWriter
from trainer.features.extraction import Extraction

DATA = open_dataset(DataConfig(options={"train": 4, "val": 2, "test": 2, "size": 48}))


class Constant:
    """A backbone whose tokens are ``number``, except in the image that contains ``where``."""

    name, channels, patch, scaling, fingerprint = "constant", 2, 8, None, "constant"

    def __init__(self, number: float, where: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self._number, self._where = number, where
        self.allowed: list[bool] = []

    def features(self, images: torch.Tensor) -> torch.Tensor:
        self.allowed.append(torch.backends.cudnn.allow_tf32 or not torch.backends.cudnn.enabled)
        tokens = images.new_ones(len(images), 3, 3, 2)
        tokens[self._where(images), 2, 2, 1] = self._number
        return tokens


def write(tmp_path: Path, backbone: Constant, dtype: str = "float16", split: str = "val") -> None:
    config = FeatureConfig(
        train_resolution=24,
        eval_resolution=24,
        dtype=dtype,  # type: ignore[arg-type]
    )
    extraction = Extraction(
        data_set=DATA,
        backbone=backbone,
        config=config,
        device=torch.device("cpu"),
        progress=lambda what, done, total: None,
    )
    with EntryWriter(folder=tmp_path) as entry:
        extraction.write(entry, split, {})


def last(images: torch.Tensor) -> torch.Tensor:
    return torch.arange(len(images)) == len(images) - 1


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
def test_features_that_are_not_finite_name_the_image(
    tmp_path: Path, number: float, dtype: str, split: str
) -> None:
    with pytest.raises(DataError, match="not finite") as caught:
        write(tmp_path, Constant(number, last), dtype, split)
    name = {"train": "train-0003", "val": "val-0001"}[split]
    assert repr(name) in str(caught.value) and "rgb" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_features_beyond_float16_are_refused_and_accepted_in_float32(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'val-0001'.*too large for float16.*'float32'"):
        write(tmp_path, Constant(1e5, last))

    write(tmp_path, Constant(1e5, last), "float32")
    assert np.load(tmp_path / "val.rgb.npy").max() == 1e5


def test_the_backbone_runs_without_tensor_float_32(tmp_path: Path) -> None:
    before = torch.backends.cudnn.allow_tf32, torch.backends.cudnn.enabled
    backbone = Constant(1, last)

    write(tmp_path, backbone)

    assert backbone.allowed == [False] * 2
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cudnn.enabled) == before
    assert before == (True, True)  # else this showed nothing
