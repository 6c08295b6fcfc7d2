"""The image fusion ``swinfusion``: its network restated, its loss by hand, its files."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.fakes.data_sets import mfnet
from tests.fakes.trainer_command import call_trainer
from trainer.datasets import open_dataset
from trainer.datasets.base import DataSet
from trainer.datasets.image_fusion.max_gradient import LUMA
from trainer.datasets.image_fusion.swinfusion import network as swin
from trainer.datasets.image_fusion.swinfusion.loss import fusion_loss, gradients, likeness
from trainer.datasets.image_fusion.swinfusion.network import (
    PUBLISHED,
    SMALL,
    Architecture,
    Network,
    fuse_planes,
)
from trainer.datasets.image_fusion.swinfusion.training import (
    FusionTraining,
    fresh_network,
    read_pairs,
    train_network,
)
from trainer.datasets.image_fusion.swinfusion.weights import (
    network_of,
    read_weights,
    write_weights,
)
from trainer.errors import ConfigError, WeightsError
from trainer.seeds import torch_generator

TINY = Architecture(
    width=8, heads=2, extraction=2, fusion=(1, 2), reconstruction=1, window=4, expansion=3
)


def planes(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, generator=torch_generator(seed, "planes"), dtype=torch.float64)


def network(architecture: Architecture = TINY) -> Network:
    """One whose every weight is drawn, in float64."""
    generator = torch_generator(1, "network")
    weights = {
        each.name: torch.randn(each.shape, generator=generator, dtype=torch.float64) / 3
        for each in architecture.entries()
    }
    return Network(architecture=architecture, weights=weights)


# The network.


def test_the_published_size_has_the_authors_number_of_weights() -> None:
    used = sum(math.prod(each.shape) for each in PUBLISHED.entries())
    unused = (30 * 1 * 9 + 30) + (30 * 30 * 9 + 30)  # two convolutions that nothing calls
    assert used + unused == 973_681
    assert sum(math.prod(each.shape) for each in SMALL.entries()) < 100_000


def restated_attention(
    query: Any, key: Any, value: Any, table: Any, *, heads: int, window: int, shift: int
) -> Any:
    """Attention of an image (h, w, C), pixel by pixel: those with which it shares a window."""
    height, width, channels = query.shape
    made, size = np.zeros_like(query), channels // heads

    def place(row: int, column: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Its window, and its place in it, if windows begin ``shift`` pixels to the right."""
        down, across = row - shift, column - shift
        return (down // window, across // window), (down % window, across % window)

    for row, column in np.ndindex(height, width):
        own, at = place(row, column)
        others = [
            (other, place(*other)[1])
            for other in np.ndindex(height, width)
            if place(*other)[0] == own
        ]
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            scores = []
            for other, there in others:
                index = (at[0] - there[0] + window - 1) * (2 * window - 1)
                index += at[1] - there[1] + window - 1
                product = query[row, column, part] @ key[(*other, part)]
                scores.append(product / math.sqrt(size) + table[index, head])
            shares = np.exp(np.array(scores) - max(scores))
            shares /= shares.sum()
            made[row, column, part] = sum(
                share * value[(*other, part)]
                for share, (other, _) in zip(shares, others, strict=True)
            )
    return made


@pytest.mark.parametrize("shifted", [False, True])
def test_attention_equals_the_restatement(shifted: bool) -> None:
    net, name = network(), "layers_Ex_A.0.residual_group.blocks.0.attn"
    maps = [planes(2, 8, 12, 8, seed=seed) * 3 for seed in range(3)]
    made = swin._attended(net, name, *maps, shifted=shifted)
    for image in range(2):
        query, key, value = (each[image].numpy() for each in maps)
        wanted = restated_attention(
            query,
            key,
            value,
            net.weights[f"{name}.relative_position_bias_table"].numpy(),
            heads=2,
            window=4,
            shift=2 if shifted else 0,
        )
        weight, bias = (net.weights[f"{name}.proj.{part}"].numpy() for part in ("weight", "bias"))
        np.testing.assert_allclose(made[image], wanted @ weight.T + bias, rtol=1e-9, atol=1e-12)


def test_windows_are_taken_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fuse_planes(network(), planes(2, 16, 24), planes(2, 16, 24, seed=1))
    monkeypatch.setattr(swin, "AT_A_TIME", 5)
    parts = fuse_planes(network(), planes(2, 16, 24), planes(2, 16, 24, seed=1))
    torch.testing.assert_close(parts, whole, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("size", [(8, 8), (9, 14), (3, 5)])
def test_images_of_any_size_keep_it(size: tuple[int, int]) -> None:
    made = fuse_planes(network(), planes(1, *size), planes(1, *size, seed=1))
    assert made.shape == (1, *size) and made.isfinite().all()


def test_every_weight_and_both_images_count() -> None:
    net = network()
    leaves = {name: each.requires_grad_() for name, each in net.weights.items()}
    rgb, thermal = planes(1, 8, 8).requires_grad_(), planes(1, 8, 8, seed=1).requires_grad_()
    made = fuse_planes(Network(architecture=TINY, weights=leaves), rgb, thermal)
    found = torch.autograd.grad(made.square().sum(), [*leaves.values(), rgb, thermal])
    for name, gradient in zip([*leaves, "rgb", "thermal"], found, strict=True):
        if name.endswith((".qkv.bias", ".kv.bias")):
            continue  # what is added to all keys alike cancels
        assert gradient.abs().max() > 0, name


# The loss.


def test_the_loss_of_equal_images_is_0_and_of_others_is_not() -> None:
    image = planes(2, 16, 16)
    assert fusion_loss(image, image, image).abs() < 1e-9
    assert fusion_loss(planes(2, 16, 16, seed=1), image, image) > 1


def test_the_loss_by_hand_where_images_are_flat() -> None:
    rgb, thermal = torch.full((1, 40, 40), 0.5), torch.full((1, 40, 40), 0.3)
    fused = torch.full((1, 40, 40), 0.4)
    steep = [gradients(each) for each in (rgb, thermal, fused)]
    assert steep[0][:, 1:-1, 1:-1].max() < 1e-6  # only the edge, beyond which there is 0
    share = 0.5 / 0.8
    alike = share * float(likeness(fused, rgb)) + (1 - share) * float(likeness(fused, thermal))
    wanted = 20 * 0.1 + 20 * float((steep[2] - steep[0]).abs().mean()) + 10 * (1 - alike)
    assert float(fusion_loss(fused, rgb, thermal)) == pytest.approx(wanted, rel=1e-5)


def test_the_gradient_of_a_step_by_hand() -> None:
    step = torch.zeros(1, 5, 6)
    step[:, :, 3:] = 1.0
    assert gradients(step)[0, 2].tolist() == [0, 0, 4, 4, 0, 4]  # the last is the edge
    assert torch.equal(gradients(step.mT), gradients(step).mT)


def restated_likeness(first: Any, second: Any) -> float:
    """SSIM, pixel by pixel; beyond the edge is 0."""
    places = np.arange(11) - 5
    bell = np.exp(-(places**2) / (2 * 1.5**2))
    kernel = np.outer(bell, bell) / bell.sum() ** 2
    wide = [np.pad(each, 5) for each in (first, second)]
    total = 0.0
    for row, column in np.ndindex(first.shape):
        a, b = (each[row : row + 11, column : column + 11] for each in wide)
        mean_a, mean_b = (kernel * a).sum(), (kernel * b).sum()
        var_a = (kernel * a * a).sum() - mean_a**2
        var_b = (kernel * b * b).sum() - mean_b**2
        shared = (kernel * a * b).sum() - mean_a * mean_b
        total += ((2 * mean_a * mean_b + 1e-4) * (2 * shared + 9e-4)) / (
            (mean_a**2 + mean_b**2 + 1e-4) * (var_a + var_b + 9e-4)
        )
    return float(total / first.size)


def test_the_likeness_equals_the_restatement() -> None:
    first, second = planes(1, 13, 9), planes(1, 13, 9, seed=1)
    wanted = restated_likeness(first[0].numpy(), second[0].numpy())
    assert likeness(first, second).item() == pytest.approx(wanted, rel=1e-9)


# Training.


def pairs() -> list[torch.Tensor]:
    """Smooth pictures, one bright where the other is dark."""
    ramp = torch.linspace(0, 255, 40).expand(36, -1)
    return [torch.stack([ramp, ramp.flip(1)]).to(torch.uint8)] * 2


QUICK = FusionTraining(iterations=20, batch=1, patch=16, learning_rate=3e-2)
LEAST = Architecture(width=8, heads=1, extraction=1, fusion=(1,), reconstruction=1, window=4)


def test_the_loss_falls() -> None:
    losses: list[float] = []
    same = [pair[:, :16, :16] for pair in pairs()]  # as large as a patch
    train_network(same, LEAST, QUICK, progress=lambda _, loss: losses.append(loss))
    assert len(losses) == 20 and sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_training_is_repeatable() -> None:
    short = dataclasses.replace(QUICK, iterations=2)
    first, again = (train_network(pairs(), LEAST, short) for _ in range(2))
    assert all(torch.equal(first.weights[name], again.weights[name]) for name in first.weights)
    other = train_network(pairs(), LEAST, dataclasses.replace(short, seed=1))
    assert any(not torch.equal(first.weights[each], other.weights[each]) for each in first.weights)


def test_images_smaller_than_a_patch_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"patches of 64 pixels do not fit .* side is 36"):
        train_network(pairs(), TINY, FusionTraining())


@pytest.mark.parametrize(
    ("settings", "phrase"),
    [
        ({"iterations": 0}, "iterations = 0 .* too small"),
        ({"patch": 8}, "patch = 8 .* too small: give 16"),
        ({"learning_rate": 0.0}, "learning_rate = 0 .* out of range"),
    ],
)
def test_impossible_training_is_refused(settings: dict[str, Any], phrase: str) -> None:
    with pytest.raises(ConfigError, match=phrase):
        FusionTraining(**settings)


def open_pairs(root: Path) -> DataSet:
    config = mfnet.authors(root)
    return open_dataset(dataclasses.replace(config, modalities=("rgb", "thermal")))


def test_pairs_are_luminance_and_thermal_of_images_spread_over_the_split(tmp_path: Path) -> None:
    data_set = open_pairs(tmp_path)
    names = data_set.train.names
    found = read_pairs(data_set, count=len(names) + 3)
    assert len(found) == len(names)
    rgb = data_set.source.image(names[1], "rgb") @ np.array(LUMA)
    np.testing.assert_array_equal(found[1][0], np.rint(255 * rgb))
    assert len(read_pairs(data_set, count=2)) == 2


# Files.


def test_weights_are_read_as_they_were_written(tmp_path: Path) -> None:
    net, file = fresh_network(TINY, seed=3), tmp_path / "a" / "net.safetensors"
    write_weights(net, file)
    again = read_weights(file)
    assert again.architecture == TINY
    assert all(torch.equal(again.weights[name], net.weights[name]) for name in net.weights)


def test_the_authors_files_load(tmp_path: Path) -> None:
    net = fresh_network(dataclasses.replace(PUBLISHED, width=12), seed=0)
    unused = {
        "conv_first1_B.weight": torch.zeros(6, 1, 3, 3),
        "conv_first2_B.bias": torch.zeros(6),
        "layers_Re.0.residual_group.blocks.1.attn_mask": torch.zeros(256, 64, 64),
        "layers_Re.0.residual_group.blocks.1.attn.relative_position_index": torch.zeros(64, 64),
    }
    table = {**net.weights, **unused}
    for name, content in (("plain.pth", table), ("wrapped.pth", {"params": table})):
        torch.save(content, tmp_path / name)
        assert read_weights(tmp_path / name).architecture == net.architecture


@pytest.mark.parametrize(
    ("change", "phrase"),
    [
        (lambda table: table.pop("norm_Re.bias"), "lacks norm_Re.bias: give"),
        (lambda table: table.update(extra=torch.zeros(1)), "has the unknown extra: give"),
        (
            lambda table: table.update({"norm_Re.bias": torch.zeros(3)}),
            r"has norm_Re.bias with shape \(3,\) in place of \(8,\)",
        ),
        (lambda table: table.clear(), "does not hold the weights of a fusion network"),
    ],
)
def test_other_weights_are_refused_in_one_line(change: Any, phrase: str) -> None:
    table = dict(fresh_network(TINY, seed=0).weights)
    change(table)
    with pytest.raises(WeightsError, match=phrase) as caught:
        network_of(table, "net.pth")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
def test_a_damaged_file_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="cannot read the weights of the image fusion") as error:
        read_weights(tmp_path / name)
    assert "\n" not in str(error.value)


def fused(root: Path, **options: Any) -> DataSet:
    config = mfnet.authors(root)
    return open_dataset(
        dataclasses.replace(
            config, modalities=("fused",), fused="swinfusion", fused_options=options
        )
    )


def test_images_depend_on_the_content_of_the_weights_alone(tmp_path: Path) -> None:
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_weights(fresh_network(TINY, seed=seed), tmp_path / f"{name}.safetensors")
    found = {
        name: fused(tmp_path, weights=str(tmp_path / f"{name}.safetensors")) for name in "abc"
    }
    assert found["a"].identity == found["b"].identity != found["c"].identity
    image = {name: each.source.image("00001D", "fused") for name, each in found.items()}
    np.testing.assert_array_equal(image["a"], image["b"])
    assert np.abs(image["a"] - image["c"]).max() > 0


def test_colour_is_that_of_rgb(tmp_path: Path) -> None:
    write_weights(fresh_network(TINY, seed=0), tmp_path / "net.safetensors")
    data_set = fused(tmp_path, weights=str(tmp_path / "net.safetensors"))
    made = data_set.source.image("00001D", "fused")
    rgb = data_set.source.image("00001D", "rgb")
    inside = ((made > 0) & (made < 1)).all(axis=2)
    assert inside.any()
    np.testing.assert_allclose(
        (made[..., 0] - made[..., 1])[inside], (rgb[..., 0] - rgb[..., 1])[inside], atol=1e-6
    )


def test_without_weights_the_message_names_the_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"needs a trained network: .*trainer train-fusion"):
        fused(tmp_path)
    with pytest.raises(WeightsError, match=r"cannot read data.fused_options.weights = 'no.pth'"):
        fused(tmp_path, weights="no.pth")


def test_the_command_trains_and_its_network_fuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mfnet.authors(tmp_path)
    config, out = tmp_path / "run.toml", tmp_path / "net.safetensors"
    config.write_text(
        f'[data]\nname = "mfnet"\nroot = "{tmp_path}"\nmodalities = ["rgb", "thermal"]\n'
    )
    given = ("--iterations", 2, "--patch", 16)
    assert call_trainer("train-fusion", config, "--out", out, *given) == 0
    assert "use it with data.fused = 'swinfusion'" in capsys.readouterr().out
    assert fused(tmp_path, weights=str(out)).source.image("00001D", "fused").shape[2] == 3


def test_the_command_refuses_depth_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "run.toml"
    config.write_text('base = "rooms"\n')
    assert call_trainer("train-fusion", config, "--out", tmp_path / "net") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "depth is geometry" in line and line.endswith("give a data set that has both")
