"""Every cell of the table of inputs: used, used with a note, or refused in one line."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from numpy.typing import NDArray

from tests.fakes.data_sets import folder
from tests.fakes.trainer_command import call_trainer
from tests.inputs import COLUMNS, ROWS, Row
from tests.inputs.copies import Copy, copy_data_set, own_images
from tests.inputs.table import Cell
from trainer.config.configuration import (
    DataConfig,
    EvaluationConfig,
    FeatureConfig,
    MethodConfig,
    TrainConfig,
    TrainingConfig,
)
from trainer.datasets import DATASETS, open_dataset
from trainer.datasets.names import composed
from trainer.engine.run import Run
from trainer.errors import TrainerError
from trainer.features import prepare

CELLS = [
    pytest.param(row, column, id=f"{row.given}: {column}")
    for row in ROWS
    for column in COLUMNS
    if column in row.cells
]


@dataclass(frozen=True)
class Result:
    """Result for a copy."""

    #: Images and labels, or masks, by name and kind.
    pixels: Mapping[tuple[str, str], NDArray[Any]]
    notes: frozenset[str] = frozenset()
    refusal: str = ""


def read(config: DataConfig) -> Result:
    """Open a data set as ``fit`` does, and read all of it."""
    try:
        data_set = open_dataset(config)
        notes = {*data_set.notes, *data_set.unused, *data_set.source.check()}
    except TrainerError as error:
        return Result({}, refusal=str(error))
    pixels: dict[tuple[str, str], NDArray[Any]] = {}
    for split in data_set.splits().values():
        for name in split.names:
            for modality in data_set.modalities:
                pixels[composed(name), modality] = data_set.source.image(name, modality)
            if split.labelled:
                pixels[composed(name), "label"] = data_set.source.label(name)
    return Result(pixels, frozenset(notes))


@dataclass(frozen=True)
class Model:
    """A trained checkpoint and its features."""

    root: Path

    def predict(self, copy: Copy, out: Path, capsys: pytest.CaptureFixture[str]) -> Result:
        """The result of the command for the user's own images."""
        arguments: list[object] = ["predict", self.root / "run", copy.root / "rgb", "--out", out]
        arguments += ["--modality", f"thermal={copy.root / 'thermal'}"]
        arguments += ["--cache", self.root / "cache", "--device", "cpu"]
        status = call_trainer(*arguments)
        printed = capsys.readouterr()
        lines = [line for line in printed.out.splitlines() if line.startswith("not predicted: ")]
        if status:
            return Result({}, refusal=lines[0] if lines else printed.err.strip())
        notes = {line for line in printed.out.splitlines() if line.startswith("note: ")}
        pixels = {
            (composed(path.stem), "mask"): np.asarray(PIL.Image.open(path))
            for path in (out / "masks").iterdir()
        }
        return Result(pixels, frozenset(notes))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """Of the folder data set: colour, and 16 bits of thermal."""
    root = tmp_path_factory.mktemp("model")
    data = folder.lists(root / "data")
    config = TrainConfig(
        data=DataConfig(name="folder", root=data.root, modalities=("rgb", "thermal")),
        features=FeatureConfig(train_resolution=16, eval_resolution=32, neighbours=4),
        method=MethodConfig(code_dim=4),
        training=TrainingConfig(iterations=4, batch_size=4, samples=3, partner_ranks=3),
        evaluation=EvaluationConfig(evaluations=1),
    )
    run = Run.start(config, prepare(config, cache=root / "cache"), torch.device("cpu"))
    run.advance()
    run.save(root / "run")
    yield Model(root)


def test_every_data_set_that_is_read_from_files_has_a_column() -> None:
    assert set(COLUMNS) == {*DATASETS, "predict"} - {"rooms"}


@pytest.mark.parametrize(("row", "column"), CELLS)
def test_each_input_is_treated_as_in_the_table(
    row: Row, column: str, tmp_path: Path, model: Model, capsys: pytest.CaptureFixture[str]
) -> None:
    copies = tmp_path / "copy"

    def result() -> Result:
        if column != "predict":
            assert copy.config is not None
            return read(copy.config)
        return model.predict(copy, tmp_path / f"out {len(list(tmp_path.iterdir()))}", capsys)

    copy = own_images(copies) if column == "predict" else copy_data_set(column, copies)
    row.prepare(copy)
    copy = refresh(copy)
    sound = result()
    named = tuple(row.edit(copy))
    check(row, row.cells[column], sound, result(), named)


def refresh(copy: Copy) -> Copy:
    """The same copy after its files were renamed."""
    if copy.config is None:
        files = {"rgb": copy.root / "rgb", "second": copy.root / "thermal"}
        for kind, place in files.items():
            copy.files[kind][:] = sorted(place.iterdir())  # type: ignore[index]
    return copy


def check(row: Row, cell: Cell, sound: Result, odd: Result, named: tuple[str, ...]) -> None:
    assert not sound.refusal, "the sound copy is sound"
    if cell.outcome == "refused":
        assert re.search(cell.words, odd.refusal), odd.refusal or "it was used"
        assert "\n" not in odd.refusal
        assert any(name in odd.refusal for name in named), odd.refusal
        return
    assert not odd.refusal
    news = odd.notes - sound.notes
    if cell.outcome == "said":
        assert any(re.search(cell.words, note) for note in news), news
    else:
        assert not news
    assert len(odd.pixels) == len(sound.pixels) > 0
    if row.same:
        assert odd.pixels.keys() == sound.pixels.keys()
        for key, pixels in odd.pixels.items():
            assert np.allclose(pixels, sound.pixels[key], atol=1e-6), key
