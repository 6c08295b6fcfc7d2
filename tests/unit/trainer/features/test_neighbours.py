import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.features import knn
from trainer.features.knn import nearest_crops


def random_means(count: int, channels: int = 6) -> NDArray[np.float32]:
    return np.random.default_rng(count).normal(size=(count, channels)).astype(np.float32)


@pytest.mark.parametrize("chunk", [1024, 7, 1])
def test_neighbours_are_those_of_sorting_all_cosines(
    chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(knn, "CHUNK", chunk)
    means = random_means(50)
    unit = means / np.linalg.norm(means, axis=1, keepdims=True)
    cosines = unit.astype(np.float64) @ unit.T.astype(np.float64)
    np.fill_diagonal(cosines, -np.inf)

    found = nearest_crops(means, 30)

    assert found.dtype == np.int64 and found.shape == (50, 30)
    assert np.array_equal(found, np.argsort(-cosines, axis=1)[:, :30])


def test_length_does_not_count() -> None:
    means = random_means(20)

    stretched = nearest_crops(means * np.linspace(0.1, 9, 20, dtype=np.float32)[:, None], 5)
    assert np.array_equal(stretched, nearest_crops(means, 5))


def test_a_crop_is_never_its_own_neighbour_even_among_equals() -> None:
    means = np.repeat(random_means(1), 12, axis=0)

    found = nearest_crops(means, 11)

    assert not (found == np.arange(12)[:, None]).any()
    assert all(len(set(row)) == 11 for row in found.tolist())


def test_fewer_crops_than_neighbours_give_all_the_others() -> None:
    found = nearest_crops(random_means(4), 30)

    assert [sorted(row) for row in found.tolist()] == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]
