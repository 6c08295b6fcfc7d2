"""Pairs of real sensors: none is suspected of being shifted."""

import os
from pathlib import Path

import pytest

from tests.fakes.data_sets import MAKERS
from trainer.config.configuration import DataConfig
from trainer.datasets import find_dataset
from trainer.datasets.alignment import Alignment, Shift, edges_of

DATA = Path(os.environ.get("UMSS_DATA", "/nowhere"))

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="set UMSS_DATA to the folder of the sample data"
)


def shifts_of(config: DataConfig, images: int) -> dict[str, Shift]:
    data_set = find_dataset(config)
    names = [name for split in data_set.splits().values() for name in split.names][:images]
    anchor, *others = data_set.modalities
    alignments = {modality: Alignment() for modality in others}
    for name in names:
        edges = edges_of(data_set.source.image(name, anchor))
        for modality, alignment in alignments.items():
            alignment.add(edges, edges_of(data_set.source.image(name, modality)))
    return {modality: alignment.shift() for modality, alignment in alignments.items()}


@pytest.mark.parametrize("name", ["mcubes", "mfnet", "nyu"])
def test_real_pairs_are_not_suspected(name: str, tmp_path: Path) -> None:
    """Even for three scenes or frames, and one of NYU, no shift is found."""
    shifts = shifts_of(MAKERS[name].sample(DATA, tmp_path / "root"), images=3)

    assert shifts
    for modality, shift in shifts.items():
        assert not shift.suspicious, (modality, shift)
        assert not shift.known or max(abs(shift.down), abs(shift.across)) < 0.01


def test_twelve_thermal_images_agree_on_no_shift() -> None:
    config = DataConfig(name="mfnet", root=str(DATA / "mfnet"), modalities=("rgb", "thermal"))

    shift = shifts_of(config, images=12)["thermal"]

    assert shift.known and not shift.suspicious and not shift.unrelated
