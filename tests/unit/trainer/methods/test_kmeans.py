"""Frozen features as a method: the clustered features, and the scores of k-means."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from search.config.configuration import resolve
from search.errors import SettingsError
from tests.unit.trainer.small import CPU, small_config, small_dataset_features
from trainer.engine.run import Run
from trainer.engine.slots import Slots
from trainer.errors import ConfigError
from trainer.features.dataset_features import DatasetFeatures, Features
from trainer.methods import hyper_values
from trainer.scoring.prediction import codes_of
from trainer.scoring.probes import unit_centres


def code_of(dataset_features: DatasetFeatures, **options: Any) -> NDArray[np.float32]:
    slots = Slots.start([small_config(name="kmeans", **options)], dataset_features, CPU)
    code: NDArray[np.float32] = codes_of(
        slots.scored(0), dataset_features.val.features, dataset_features.modalities, CPU
    ).numpy()
    return code


def tokens_of(features: Features) -> NDArray[np.float64]:
    return np.asarray(features, dtype=np.float64).reshape(len(features), -1, features.shape[-1])


@pytest.mark.parametrize("centre", [True, False])
def test_the_code_consists_of_the_configured_features(centre: bool) -> None:
    dataset_features = small_dataset_features()
    val, train = (
        {name: tokens_of(maps) for name, maps in split.features.items()}
        for split in (dataset_features.val, dataset_features.train)
    )
    wanted = {
        "mean": [(split["rgb"] + split["depth"]) / 2 for split in (val, train)],
        "sum": [split["rgb"] + split["depth"] for split in (val, train)],
        "rgb": [val["rgb"], train["rgb"]],
        "depth": [val["depth"], train["depth"]],
    }
    for features, (shown, learnt_from) in wanted.items():
        code = code_of(dataset_features, features=features, centre=centre)
        middle = learnt_from.mean(axis=(0, 1)) if centre else 0.0
        assert code == pytest.approx(shown - middle, abs=1e-5)


def test_features_of_a_modality_that_is_not_there_are_refused_in_one_line() -> None:
    with pytest.raises(
        ConfigError, match="'nir' is not a modality: choose one of mean, sum, rgb"
    ) as raised:
        hyper_values(small_config(name="kmeans", features="nir"))
    assert "\n" not in str(raised.value)


def test_hyper_parameters_are_refused_in_one_line() -> None:
    with pytest.raises(ConfigError, match="takes none"):
        hyper_values(small_config(name="kmeans", hyper={"b_self": 0.5}))


@pytest.mark.parametrize("ranges", [{}, {"learning_rate": [1e-4, 1e-2]}])
def test_a_search_has_nothing_to_do(ranges: dict[str, list[float]]) -> None:
    flags = {"method": {"name": "kmeans"}, "search": {"ranges": ranges}}
    with pytest.raises(SettingsError, match="kmeans learns nothing") as raised:
        resolve("rooms", None, flags)
    assert "\n" not in str(raised.value) and "python -m trainer fit" in str(raised.value)


def grouped_material() -> tuple[DatasetFeatures, NDArray[np.int64]]:
    """Tokens in three far groups beside a far common centre, and the group of each of val's."""
    dataset_features = small_dataset_features(crops=12)
    groups: NDArray[np.int64] = np.empty(0, dtype=np.int64)
    places = np.eye(3, 6, dtype=np.float32) * 8 + 20
    for split in (dataset_features.train, dataset_features.val):
        for maps in split.features.values():
            groups = np.arange(maps[..., 0].size).reshape(maps.shape[:-1]) % 3
            maps[:] = places[groups] + maps / 4
    return dataset_features, groups.reshape(-1)


@pytest.mark.parametrize("centre", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_groups_that_are_there_are_found_and_kept(centre: bool, seed: int, tmp_path: Path) -> None:
    dataset_features, groups = grouped_material()
    config = small_config(name="kmeans", centre=centre, seed=seed)
    run = Run.start(config, dataset_features, CPU)
    while not run.finished:
        run.advance()
    scored = run.scored()
    code = codes_of(scored, dataset_features.val.features, dataset_features.modalities, CPU)
    clusters = (code @ unit_centres(scored.probes)[0].mT).argmax(dim=-1).reshape(-1).numpy()
    found = [set(clusters[groups == group].tolist()) for group in range(3)]
    assert sum(map(len, found)) == len(set.union(*found)) == 3
    run.save(tmp_path / "run")
    again = Run.restore(tmp_path / "run", config, dataset_features, CPU)
    assert again.evaluate(dataset_features.val) == run.evaluate(dataset_features.val)
