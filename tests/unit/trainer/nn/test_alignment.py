"""Results are equal bit for bit at any address of the data, even with fickle products."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.fakes.fickle_products import FickleProducts, shifted
from tests.unit.trainer.packing import PackedAndAlone, same_tensors
from tests.unit.trainer.small import CPU, small_config, small_dataset_features
from trainer.config.configuration import TrainConfig
from trainer.engine.checkpoint import read_checkpoint
from trainer.engine.run import Run, config_of
from trainer.engine.slots import Slots
from trainer.features.dataset_features import DatasetFeatures
from trainer.nn.alignment import LINE, aligned, each_slot
from trainer.nn.parameters import Entry, Layout
from trainer.records import Report
from trainer.seeds import torch_generator

#: Model with odd sizes of a row, of its tensors, and of a batch's maps.
ODD: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "conv": ({"code_dim": 5}, {}),
    "ladder": ({"code_dim": 3, "fusion": "ladder"}, {"linear_probe": "token"}),
    "shared harmoniser": ({"code_dim": 5, "cmh": "shared", "anchor": "none"}, {}),
    "a harmoniser each": ({"code_dim": 5, "cmh": "per-modality", "anchor": "none"}, {}),
    "stego": ({"code_dim": 5, "name": "stego"}, {}),
    "dropped-out target": ({"code_dim": 5, "target_dropout": "always"}, {"random_draws": 1}),
}


def odd_config(name: str, seed: int) -> TrainConfig:
    method, training = ODD[name]
    return small_config(seed=seed, training={"batch_size": 3, **training}, **method)


@pytest.mark.parametrize("channels", [5, 6])
@pytest.mark.parametrize("name", ODD)
@pytest.mark.usefixtures("one_thread")
def test_together_equals_alone_with_fickle_products(name: str, channels: int) -> None:
    dataset_features = small_dataset_features(channels=channels)
    configs = [odd_config(name, seed) for seed in range(3)]
    with FickleProducts() as products:
        runs = PackedAndAlone(configs, dataset_features)
        runs.step(4)
        runs.assert_equal()
    assert products.count > 100


def test_the_sizes_are_odd() -> None:
    sizes = [
        Slots.start([odd_config(name, 0)], small_dataset_features(channels=5), CPU).state(0)[
            "model.leaf_SP"
        ]
        for name in ODD
    ]
    assert any(len(size) % 2 for size in sizes)
    assert all(len(size) % (LINE // 4) for size in sizes)


def misplaced(dataset_features: DatasetFeatures, numbers: int) -> DatasetFeatures:
    """The same features in memory that begins off a cache line, as a mapped file's may."""
    splits = {
        name: dataclasses.replace(
            getattr(dataset_features, name),
            features={
                modality: shifted(torch.from_numpy(maps), numbers).numpy()
                for modality, maps in getattr(dataset_features, name).features.items()
            },
        )
        for name in ("train", "val", "test")
    }
    return dataclasses.replace(dataset_features, **splits)


@pytest.mark.parametrize(
    ("numbers", "modalities"),
    [*((numbers, ("rgb", "depth")) for numbers in range(1, 16)), (3, ("rgb",)), (8, ("rgb",))],
)
def test_the_address_of_features_and_checkpoint_changes_nothing(
    numbers: int, modalities: tuple[str, ...]
) -> None:
    config = small_config(modalities=modalities, code_dim=5, training={"batch_size": 3})
    dataset_features = small_dataset_features(modalities=modalities, channels=5)
    with FickleProducts():
        undisturbed = Slots.start([config], dataset_features, CPU)
        undisturbed.step()
        resumed = Slots.start([config], misplaced(dataset_features, numbers), CPU)
        state = undisturbed.state(0)
        resumed.restore(0, {name: shifted(each, numbers) for name, each in state.items()})
        for slots in (undisturbed, resumed):
            slots.step()
            slots.step()
        assert same_tensors(undisturbed.state(0), resumed.state(0))
        scores = [slots.evaluate(0, dataset_features.val) for slots in (undisturbed, resumed)]
        assert scores[0] == scores[1]
        resumed.load_weights(
            0, {name: shifted(each, numbers) for name, each in undisturbed.weights(0).items()}
        )
        assert resumed.evaluate(0, misplaced(dataset_features, numbers).val) == scores[0]


#: Checkpoint of the last release without gaps.
BEFORE = Path(__file__).parents[3] / "fixtures" / "checkpoints_before_padding"


def test_a_checkpoint_from_before_alignment_is_read_and_written_unchanged(tmp_path: Path) -> None:
    config, dataset_features = config_of(BEFORE / "first"), small_dataset_features(channels=5)
    run = Run.restore(BEFORE / "first", config, dataset_features, CPU)
    run.save(tmp_path)
    old, new = (read_checkpoint(folder) for folder in (BEFORE / "first", tmp_path))
    assert same_tensors(old[0], new[0])
    for before, after in zip(old[1]["reports"], new[1]["reports"], strict=True):
        assert {key: after[key] for key in before} == before  # reports say more by now
    assert len(old[0]["model.leaf_SP"]) % 2 == 1


def test_a_checkpoint_from_before_alignment_resumes_with_the_same_numbers() -> None:
    config, dataset_features = config_of(BEFORE / "first"), small_dataset_features(channels=5)
    run = Run.restore(BEFORE / "first", config, dataset_features, CPU)
    while not run.finished:
        run.advance()
    tensors, record = read_checkpoint(BEFORE / "last")
    then = [Report.from_json(report) for report in record["reports"]]
    # trained by another revision, perhaps on another processor: equal up to rounding. Weights are
    # not compared, because Adam moves each by the full rate even if its gradient is tiny.
    assert [each.loss for each in run.reports] == pytest.approx([each.loss for each in then])
    now = run._slots.state(0)
    assert torch.equal(now["draws.generator"], tensors["draws.generator"])


def test_killed_equals_undisturbed_with_fickle_products(tmp_path: Path) -> None:
    config, dataset_features = odd_config("conv", 0), small_dataset_features(channels=5)
    with FickleProducts():
        undisturbed = Run.start(config, dataset_features, CPU)
        killed = Run.start(config, dataset_features, CPU)
        killed.advance()
        killed.save(tmp_path)
        while not undisturbed.finished:
            undisturbed.advance()
        resumed = Run.restore(tmp_path, config, dataset_features, CPU)
        while not resumed.finished:
            resumed.advance()
    assert resumed.reports == undisturbed.reports


def test_every_tensor_of_every_slot_begins_on_a_cache_line() -> None:
    sizes = (1, 3, 16, 5)
    entries = tuple(
        Entry(name=str(size), shape=(size,), initial="uniform", scale=1.0) for size in sizes
    )
    layout = Layout(entries=entries)
    rows = torch.stack([layout.initial_row(torch_generator(seed, "row")) for seed in range(3)])
    leaf = layout.spaced().loaded(rows)
    for name, view in layout.spaced().views(leaf).items():
        assert torch.equal(view, layout.views(rows)[name])
        assert all(row.data_ptr() % LINE == 0 for row in view)
    assert torch.equal(layout.spaced().stored(leaf), rows)
    assert leaf.sum().isclose(rows.sum())  # gaps are zeros
    drawn = layout.spaced().initial_row(torch_generator(1, "row"))
    assert torch.equal(drawn, leaf[1])


@pytest.mark.parametrize("numbers", range(16))
def test_aligned_keeps_numbers_and_strides(numbers: int) -> None:
    dense = torch.arange(60.0).view(3, 4, 5)
    makers: tuple[Callable[[Tensor], Tensor], ...] = (
        lambda each: each,
        lambda each: each.mT,
        lambda each: each[:, :, 1],
        lambda each: each[:1].expand(7, -1, -1),
    )
    for make in makers:
        tensor = make(shifted(dense, numbers))
        there = aligned(tensor)
        assert there.data_ptr() % LINE == 0
        assert torch.equal(there, tensor) and there.stride() == tensor.stride()
        assert (there is tensor) == (tensor.data_ptr() % LINE == 0)


def test_slots_are_computed_alone_on_a_cpu_and_together_elsewhere() -> None:
    lengths: list[int] = []

    def note(one: Tensor, other: Tensor) -> Tensor:
        lengths.append(len(one))
        return one + other[::2]

    one, other = torch.arange(6.0), torch.arange(12.0)
    made = each_slot(note, one, other, slots=3)
    assert torch.equal(made, one + other[::2]) and lengths == [2, 2, 2]
    each_slot(note, one.to("meta"), other.to("meta"), slots=3)
    assert lengths[3:] == [6]


def test_fickle_products_are_fickle() -> None:
    left, right = torch.ones(2, 3, 4), torch.ones(2, 4, 5)
    with FickleProducts():
        made = torch.bmm(left, right)
        assert torch.equal(made, torch.bmm(left, right))
        assert not torch.equal(made, torch.bmm(shifted(left, 1), right))
        assert not torch.equal(made, torch.bmm(left, shifted(right, 4)))
        assert not torch.equal(made[:1], torch.bmm(left[:1], right[:1]))


def test_numpy_arrays_are_shifted_in_place() -> None:
    dataset_features = misplaced(small_dataset_features(), 3)
    maps = dataset_features.train.features["rgb"]
    assert maps.ctypes.data % LINE == 12
    assert np.array_equal(maps, small_dataset_features().train.features["rgb"])
