"""EAGLE: eigenvectors, objects and every loss, by hand and restated."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy
import torch
from numpy.typing import NDArray

from tests.unit.trainer import restated
from tests.unit.trainer.packing import same_tensors
from tests.unit.trainer.restated import units
from tests.unit.trainer.small import (
    CPU,
    GRID,
    hyper_of,
    small_batch,
    small_config,
    small_dataset_features,
    small_draws,
    small_tensor,
)
from trainer.config.configuration import MethodConfig
from trainer.engine.run import Run
from trainer.engine.slots import Slots
from trainer.errors import ConfigError
from trainer.losses.adaptive_correspondence import adaptive_correspondence
from trainer.losses.eicue import eigenvectors, object_clusters
from trainer.losses.object_contrast import object_contrast, token_weights
from trainer.methods import build_method, feature_maps
from trainer.methods.feature_map import FeatureMap
from trainer.methods.networks.eagle import TABLES
from trainer.nn.unit import unit
from trainer.scoring.naming import name_clusters

TOKENS = GRID[0] * GRID[1]
Floats = NDArray[np.float64]
COLOURS = FeatureMap(modality="rgb", output="pixels")


def tensor(values: Any) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def restated_laplacian(codes: Floats, colours: Floats, kind: str) -> Floats:
    """Of one crop: (T, K) and (T, 3)."""
    similar = np.maximum(codes @ codes.T, 0)
    graph = similar / similar.max()
    for i, one in enumerate(colours):
        for j, other in enumerate(colours):
            apart = ((one - other) ** 2).sum() if kind == "image" else 0.0
            graph[i, j] += np.exp(-apart / (2 * 0.1**2))
    degree = graph.sum(axis=1)
    root = np.diag(1 / np.sqrt(degree))
    made: Floats = root @ (np.diag(degree) - graph) @ root
    return made


@pytest.mark.parametrize("kind", ["image", "constant"])
def test_eigenvectors_equal_those_of_the_restated_laplacian_up_to_sign(kind: Any) -> None:
    codes, colours = small_tensor(2, TOKENS, 4), small_tensor(2, TOKENS, 3, seed=1).sigmoid()
    made = eigenvectors(codes, colours, count=3, colours=kind).numpy()
    for crop in range(2):
        laplacian = restated_laplacian(codes[crop].numpy(), colours[crop].numpy(), kind)
        values, vectors = scipy.linalg.eigh(laplacian)
        assert abs(values[0]) < 1e-12 and np.diff(values[:5]).min() > 1e-6
        for place in range(3):
            expected, found = vectors[:, place + 1], made[crop, :, place]
            if expected @ found < 0:
                expected = -expected
            np.testing.assert_allclose(found, expected, atol=1e-9)
            assert (found > 0).mean() <= 0.5


def test_two_far_groups_are_separated_by_the_first_eigenvector_kept() -> None:
    # three tokens of one colour and code, two of another: constant within groups, of other sign
    codes = tensor([[[1.0, 0.0]] * 3 + [[0.0, 1.0]] * 2])
    colours = tensor([[[0.0] * 3] * 3 + [[0.15] * 3] * 2])  # far, and yet joined
    (vector,) = eigenvectors(codes, colours, count=1, colours="image")[0].T.numpy()
    assert np.ptp(vector[:3]) < 1e-9 and np.ptp(vector[3:]) < 1e-9
    assert vector[0] < 0 < vector[4]  # the larger group is never positive


def test_objects_and_the_loss_of_their_table_by_hand() -> None:
    vectors = tensor([[[[2.0, 0.0], [0.0, 0.5]]]])
    loss, objects = object_clusters(vectors, tensor([[[3.0, 0.0], [0.0, 1.0]]]), tensor([[1.0]]))
    share = math.e / (math.e + 1)  # softmax of the cosines 1 and 0
    assert loss.tolist() == pytest.approx([-share])
    assert objects.tolist() == [[[0, 1]]]


def at(*degrees: float) -> torch.Tensor:
    radians = [math.radians(each) for each in degrees]
    return tensor([[math.cos(a), math.sin(a)] for a in radians])


def restated_contrast(own: Floats, other: Floats, objects: list[int], weights: Floats) -> float:
    """Of flat tokens (I, K); tokens of weight 0 are ignored."""
    present = [i for i, weight in enumerate(weights) if weight]
    numbers = sorted({objects[i] for i in present})
    centres = []
    for number in numbers:
        members = [i for i in present if objects[i] == number]
        sums = [sum(float(np.linalg.norm(own[i] - own[j])) for j in members) for i in members]
        centres.append(own[members[int(np.argmin(sums))]])

    def loss(tokens: Floats) -> float:
        total = 0.0
        for i in present:
            logits = np.array([tokens[i] @ centre / 0.07 for centre in centres])
            chance = logits[numbers.index(objects[i])] - scipy.special.logsumexp(logits)
            total -= weights[i] * float(chance)
        return total

    return (0.3 * loss(own) + 0.7 * loss(other)) / 2


def test_the_contrast_of_two_objects_by_hand() -> None:
    # medoids: the token at 10 degrees of those at 0, 10 and 30; the token at 90, alone
    own, objects = at(0, 10, 30, 90), torch.tensor([0, 0, 0, 2])
    weight = torch.full((4,), 0.25, dtype=torch.float64)
    made = object_contrast(own, own, objects, weight, objects=4)
    chances = [
        1 / (1 + math.exp((math.cos(math.radians(a)) - math.cos(math.radians(b))) / 0.07))
        for a, b in ((90, 10), (80, 0), (60, 20), (80, 0))
    ]
    assert made.item() == pytest.approx(-np.mean(np.log(chances)) / 2)


def test_the_contrast_equals_the_restatement_and_padding_does_not_count() -> None:
    own, other = (units(small_tensor(12, 4, seed=seed).numpy()) for seed in (1, 2))
    objects = [0, 3, 3, 1, 0, 0, 3, 1, 1, 4, 4, 4]
    weights = np.linspace(0.1, 0.2, 12)
    weights[9:] = 0
    made = object_contrast(
        tensor(own), tensor(other), torch.tensor(objects), tensor(weights), objects=6
    )
    assert made.item() == pytest.approx(restated_contrast(own, other, objects, weights))


def restated_weights(features: Floats) -> Floats:
    """Of one crop (T, C)."""
    products = features @ features.T
    made: Floats = (products / np.linalg.norm(products, axis=0)).mean(axis=1)
    return made


def test_token_weights_equal_the_restatement() -> None:
    features = small_tensor(2, TOKENS, 6)
    for crop in range(2):
        np.testing.assert_allclose(
            token_weights(features)[crop].numpy(), restated_weights(features[crop].numpy())
        )


def restated_pairs(
    features: list[tuple[Floats, Floats]],
    codes: list[tuple[Floats, Floats]],
    *,
    beta: float,
    scale: float | None,
) -> float:
    """The correspondence loss with computed biases, over a list of pairs of crops."""
    close = np.stack([restated.cosines(*pair) for pair in features])
    before = close.mean()
    close = close - close.mean(axis=2, keepdims=True)
    close = close - close.mean() + before
    similar = np.stack([restated.cosines(*pair) for pair in codes])
    mean = similar.mean()
    bias = abs(before - mean - beta) if scale is None else scale * (before + mean - beta)
    return float(np.mean(-np.clip(similar, 0, 0.8) * (close - bias)))


@pytest.mark.parametrize("scale", [None, 3.5])
def test_biases_have_a_gradient(scale: float | None) -> None:
    features, codes = small_tensor(2, 3, 9, 6), small_tensor(2, 3, 9, 4, seed=1)
    weight = torch.full((3,), 1 / 3, dtype=torch.float64)
    leaf = codes.clone().requires_grad_()
    factor = None if scale is None else tensor(scale)

    def loss(codes: torch.Tensor) -> torch.Tensor:
        return adaptive_correspondence(
            (features[0], codes[0]),
            (features[1], codes[1]),
            weight_B=weight,
            beta=0.1,
            scale=factor,
        )

    (gradient,) = torch.autograd.grad(loss(leaf), leaf)
    for place in ((0, 0, 0, 0), (1, 2, 8, 3), (0, 1, 4, 2)):
        aside = torch.zeros_like(codes)
        aside[place] = 1e-6
        slope = (loss(codes + aside) - loss(codes - aside)).item() / 2e-6
        assert gradient[place].item() == pytest.approx(slope, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("iteration", [0, 5])
def test_the_whole_loss_equals_the_restatement(count: int, iteration: int) -> None:
    modalities = ("rgb", "depth")[:count]
    hyper = {"lambda_positive": 0.4, "lambda_objects": 1.5, "negative_scale": 2.0}
    config = small_config(
        modalities=modalities,
        name="eagle",
        fusion="mean",
        hyper=hyper,
        objects_from=5,
        limit=0.7,
        beta=0.05,
        extra_objects=2,
    )
    method = build_method(config, channels=6, classes=3)
    draws = small_draws(maps=2, masks=method.needs.masks)
    views = method.parameters.views(small_tensor(1, method.parameters.size, seed=2))
    batch = small_batch(small_tensor(1, count, 4, TOKENS, 6, seed=1), config)
    batch.iteration_S[:] = iteration
    buffers = method.buffers.views(torch.zeros(1, 0, dtype=torch.float64))
    made = method.step(views, buffers, batch, hyper_of(config), draws)

    parameters = {name: view[0].numpy() for name, view in views.items()}
    masks = draws.masks_SDNC[0].numpy()[:, :4]
    plain = batch.tokens_SMNTC[0].numpy().mean(axis=0)
    maps = [FeatureMap(modality=each, output="tokens", view="blurred") for each in modalities]
    blurred = np.mean([batch.maps[each][0].numpy() for each in maps], axis=0)
    fused = [plain, plain, blurred]
    codes = [
        restated.head(each, parameters, masks[2 * n : 2 * n + 2]) for n, each in enumerate(fused)
    ]
    if count == 1:
        fused = [each * masks[6 + n][:, None] for n, each in enumerate(fused)]
    points = draws.coordinates_SM2BQ2[0].numpy()
    where = (points[0, 0], points[0, 1], points[1, 0])

    def read(maps: list[Floats], number: int, crop: int, slot: int) -> Floats:
        grid_map = maps[number][crop].reshape(*GRID, -1)
        return restated.sample(grid_map, where[number if crop == slot else 1][slot])

    crops = range(4)
    positive = restated_pairs(
        [(read(fused, 2, n, n), read(fused, 1, n, n)) for n in crops],
        [(read(codes, 2, n, n), read(codes, 1, n, n)) for n in crops],
        beta=0.05,
        scale=None,
    )
    negatives = [
        restated_pairs(
            [(read(fused, 0, n, n), read(fused, 0, other[n], n)) for n in crops],
            [(read(codes, 0, n, n), read(codes, 0, other[n], n)) for n in crops],
            beta=0.05,
            scale=2.0,
        )
        for other in draws.sources_SMBJ[0, 0, :, 2:].T.tolist()
    ]
    colours = batch.maps[COLOURS][0]
    tables, contrasts = [], []
    projected = [
        units(restated.layer(each, parameters, "projector")).reshape(4 * TOKENS, -1)
        for each in codes[1:]
    ]
    for own, table in enumerate(TABLES):
        code = torch.from_numpy(codes[1 + own])
        vectors = eigenvectors(code, colours, count=3, colours="image").numpy()
        cosines = np.stack([restated.cosines(each, parameters[table]) for each in vectors])
        shares = scipy.special.softmax(cosines, axis=-1)
        tables.append(-float((shares * cosines).sum(axis=-1).mean()))
        weights = np.concatenate([restated_weights(each) for each in fused[1 + own]])
        contrasts.append(
            restated_contrast(
                projected[own],
                projected[1 - own],
                cosines.argmax(axis=-1).flatten().tolist(),
                weights / (4 * TOKENS),
            )
        )
    share = 0.7 if iteration == 5 else 0.0
    assert {name: term.item() for name, term in made.terms.items()} == pytest.approx(
        {
            "correspondence": (1 - share) * (0.4 * positive + 0.63 * float(np.mean(negatives))),
            "objects": share * 1.5 * sum(contrasts),
            "eicue": float(np.mean(tables)),
        },
        rel=1e-7,
    )
    np.testing.assert_allclose(made.codes_SBTK[0].numpy(), codes[0], rtol=1e-9)


def test_tables_learn_at_their_own_rate_from_their_own_loss() -> None:
    method = build_method(small_config(name="eagle"), channels=6, classes=3)
    rates = {entry.name: entry.group.rate for entry in method.parameters.entries}
    assert {name for name, rate in rates.items() if rate != 1} == {*TABLES}
    assert {rates[name] for name in TABLES} == {0.1}
    shapes = {entry.name: entry.shape for entry in method.parameters.entries}
    assert shapes[TABLES[0]] == (3 + 5, 3)


def test_the_contrast_begins_when_it_is_to() -> None:
    config = small_config(name="eagle", objects_from=2)
    slots, found = Slots.start([config], small_dataset_features(), CPU), []
    for _ in range(4):
        slots.step()
        found.append(slots.take_terms(0)["objects"])
    assert found[:2] == [0, 0] and min(found[2:]) > 0


def test_maps_are_blurred_features_and_the_colours_of_the_first_modality() -> None:
    names = [each.name for each in feature_maps(small_config(name="eagle"))]
    assert names == ["rgb.tokens.blurred", "depth.tokens.blurred", "rgb.pixels.plain"]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("eigenvectors", 0),
        ("extra_objects", -1),
        ("objects_from", -1),
        ("table_rate", 0.0),
        ("limit", 1.1),
    ],
)
def test_options_out_of_range_are_refused(option: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"method.options.{option}"):
        MethodConfig(name="eagle", options={option: value})


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_smoothed_labels_are_those_of_pytorch(smoothing: float) -> None:
    own, other = (unit(small_tensor(12, 5, seed=seed), epsilon=1e-12) for seed in (0, 1))
    objects = torch.tensor([0, 0, 0, 2, 2, 2, 2, 3, 3, 3, 3, 3])  # the second is absent
    weight = small_tensor(12, seed=2).abs()
    made = object_contrast(own, other, objects, weight, objects=4, smoothing=smoothing)
    present, place = [0, 2, 3], torch.tensor([0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2])
    centres = []
    for each in present:
        members = own[objects == each]
        centres.append(members[torch.cdist(members, members).sum(dim=1).argmin()])
    wanted = torch.zeros((), dtype=torch.float64)
    for tokens, share in ((own, 0.3), (other, 0.7)):
        losses = torch.nn.functional.cross_entropy(
            tokens @ torch.stack(centres).mT / 0.07,
            place,
            reduction="none",
            label_smoothing=smoothing,
        )
        wanted = wanted + share * (losses * weight).sum() / 2
    torch.testing.assert_close(made, wanted, rtol=1e-9, atol=0)


def test_extra_clusters_are_trained_scored_and_kept(tmp_path: Path) -> None:
    dataset_features = small_dataset_features()
    config = small_config(name="eagle", extra_clusters=2)
    run = Run.start(config, dataset_features, CPU)
    report = run.advance()
    assert 0 <= report.cluster.miou <= 100
    evaluation = run.evaluate(dataset_features.val)
    assert evaluation.cluster_counts_YZ.shape == (3, 5)
    assert evaluation.linear_counts_YY.shape == (3, 3)
    labels = dataset_features.val.labels
    assert labels is not None
    labelled = int((labels != 255).sum())
    assert evaluation.cluster_counts_YZ.sum() == labelled  # no prediction is left out
    run.save(tmp_path / "run")
    again = Run.restore(tmp_path / "run", config, dataset_features, CPU)
    assert run.advance() == again.advance()
    naming = name_clusters(evaluation.cluster_counts_YZ, dataset_features.classes, images=5)
    assert sorted(naming.index_of_cluster_Z.tolist()) == sorted(set(naming.index_of_cluster_Z))
    assert len(naming.index_of_cluster_Z) == 5


@pytest.mark.parametrize(
    ("options", "phrase"),
    [
        ({"extra_clusters": -1}, "extra_clusters = -1 is too small: give 0 or more"),
        ({"smoothing": 1.0}, "smoothing = 1 is out of range: give 0 or more, below 1"),
    ],
)
def test_impossible_switches_are_refused(options: dict[str, float], phrase: str) -> None:
    with pytest.raises(ConfigError, match=phrase):
        MethodConfig(name="eagle", options=options)


@pytest.mark.usefixtures("one_thread")
def test_a_diverged_run_leaves_the_one_beside_it_alone() -> None:
    features = small_dataset_features()
    healthy, other = (small_config(name="eagle", seed=seed) for seed in (0, 1))
    together = Slots.start([healthy, other], features, CPU)
    alone = Slots.start([healthy], features, CPU)
    state = together.state(1)
    diverged = {
        name: torch.full_like(each, torch.nan) if name == "model.leaf_SP" else each
        for name, each in state.items()
    }
    together.restore(1, diverged)
    for slots in (together, alone) * 2:
        slots.step()
    assert same_tensors(together.state(0), alone.state(0))
    assert [together.take_loss(slot)[1] for slot in (0, 1)] == [True, False]


def test_more_eigenvectors_than_a_crop_has_tokens_are_refused_in_one_line() -> None:
    config = small_config(name="eagle", eigenvectors=TOKENS)
    slots = Slots.start([config], small_dataset_features(), CPU)
    with pytest.raises(ConfigError, match="eigenvectors = 20 needs 21 tokens") as caught:
        slots.step()
    assert "\n" not in str(caught.value) and "which has 20: lower it" in str(caught.value)
    enough = small_config(name="eagle", eigenvectors=TOKENS - 1)
    Slots.start([enough], small_dataset_features(), CPU).step()
