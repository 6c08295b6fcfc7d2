"""Importing a checkpoint in the format of the published code: same codes, same predictions.

Shape letters: B images, C channels, H W token grid, M modalities.
"""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch.nn import functional

from tests.fakes.released_checkpoint import released_modules, write_released
from tests.fakes.released_yaml import RELEASED, released_yaml
from tests.fakes.trainer_command import call_trainer
from tests.integration.trainer.small_vits import CPU, random_vit
from tests.unit.trainer.small import small_dataset_features
from trainer.backbones import build_backbone
from trainer.commands import evaluate as evaluate_command
from trainer.commands import setup
from trainer.engine.run import Run, config_of
from trainer.errors import CheckpointError, TrainerError, WeightsError
from trainer.upstream import import_checkpoint
from trainer.upstream.keys import MODELS

WIDTH = 64
CLASSES = {"nyu": 13, "mfnet": 8, "mcubes": 20}
AUXILIARIES = ("nir", "aolp", "dolp")


@pytest.fixture(autouse=True)
def _small(shrink: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    shrink(width=WIDTH)
    for model in MODELS.values():
        monkeypatch.setitem(model.__dict__, "width", WIDTH)


def backbone_state(name: str) -> dict[str, torch.Tensor]:
    """As the authors store it: the biases masked, and their token for masked patches."""
    stored = {}
    for key, value in random_vit(name).model.state_dict().items():
        key = key.replace("gamma_1", "ls1.gamma").replace("gamma_2", "ls2.gamma")
        stored[key.replace("reg_token", "storage_tokens")] = value.clone()
    for block in range(2):
        at = f"blocks.{block}.attn"
        queries, values = stored.pop(f"{at}.q_bias"), stored.pop(f"{at}.v_bias")
        ones, nought = torch.ones(WIDTH), torch.zeros(WIDTH)
        stored[f"{at}.qkv.bias"] = torch.cat([queries, ones, values])
        stored[f"{at}.qkv.bias_mask"] = torch.cat([ones, nought, ones])
    return stored | {"mask_token": torch.zeros(1, WIDTH)}


def settings_of(name: str, modalities: list[str], **changed: Any) -> dict[str, Any]:
    settings: dict[str, Any] = yaml.safe_load(released_yaml(name))
    settings |= {"lr": 5e-4, "modals": modalities, "dim": 6, "modality_fusion_output_dim": WIDTH}
    for modality in modalities:
        for key in [key for key in settings if key.startswith("rgb_pos") or "rgb_neg" in key]:
            settings.setdefault(key.replace("rgb", modality), settings[key])
        settings.setdefault(f"{modality}_weight", 0.5)
    del settings["hydra"]
    return settings | changed


class Released:
    """One published model on disk."""

    def __init__(self, path: Path, name: str, modalities: list[str], **options: Any) -> None:
        change = options.pop("change", None)
        self.path, self.name, self.modalities = path, name, modalities
        self.settings = settings_of(name, modalities, **options)
        self.model = released_modules(
            modalities=modalities,
            channels=WIDTH,
            code=6,
            classes=CLASSES[name],
            ladder=name == "mcubes",
        ).eval()
        self.backbone = backbone_state(MODELS[self.settings["model_type"]].backbone)
        frozen = {f"net.model.{key}": value for key, value in self.backbone.items()}
        write_released(
            path,
            settings=self.settings,
            classes=CLASSES[name],
            state={**frozen, **self.model.state_dict()},
            change=change,
        )

    def code(self, maps_MBCHW: list[torch.Tensor]) -> torch.Tensor:
        """Codes (B, K, H, W), written with the model's own layers."""
        net: Any = self.model["net"]
        fused = maps_MBCHW[0]
        if len(maps_MBCHW) > 1:
            transformed = []
            for modality, each in zip(self.modalities, maps_MBCHW, strict=True):
                layers = net["modality_networks"][modality]
                hidden = functional.relu(layers["conv1"](each))
                transformed.append(functional.normalize(layers["conv2"](hidden), dim=1))
            fused = net["fusion_conv"](torch.cat(transformed, dim=1))
        return net["cluster1"](fused) + net["cluster2"](fused)  # type: ignore[no-any-return]


def dataset_features_for(released: Released, fingerprint: str) -> Any:
    dataset_features = small_dataset_features(
        modalities=tuple(released.modalities), channels=WIDTH
    )
    names = tuple(f"class{number}" for number in range(CLASSES[released.name]))
    return dataclasses.replace(
        dataset_features,
        classes=names,
        palette=((0, 0, 0),) * len(names),
        fingerprints={"data": "any", "weights": fingerprint, "bank": "any"},
    )


@pytest.mark.parametrize(
    ("name", "modalities"),
    [
        ("nyu", ["rgb", "depth"]),
        ("nyu", ["rgb"]),
        ("mfnet", ["rgb", "thermal"]),
        ("mcubes", ["rgb", "aolp"]),
        ("mcubes", ["rgb", *AUXILIARIES]),
    ],
)
@torch.no_grad()
def test_codes_and_predictions_are_those_of_the_source(
    name: str, modalities: list[str], tmp_path: Path
) -> None:
    released = Released(tmp_path / "step=8715-mIoU=38.11.ckpt", name, modalities)

    made = import_checkpoint(released.path, tmp_path / "made")

    assert made.iteration == 2905 and made.classes == CLASSES[name]
    assert made.scores["mIoU in the file's name"] == 38.11
    assert made.scores["test/cluster/mIoU, of this one"] == pytest.approx(38.11)
    config = config_of(tmp_path / "made")
    assert config == made.config and config.protocol == "published"
    backbone = build_backbone(config.backbone)
    images = torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(0))[:, :, :, :32]
    source = random_vit(config.backbone.name)
    assert torch.allclose(backbone.features(images), source.features(images), atol=1e-5)
    dataset_features = dataset_features_for(released, backbone.fingerprint)
    scored = Run.restore(tmp_path / "made", config, dataset_features, CPU).scored()
    maps = [np.asarray(dataset_features.val.features[modality]) for modality in modalities]
    tokens = torch.stack([torch.from_numpy(each).flatten(1, 2) for each in maps])[None]
    codes_NTK = scored.method.encode(scored.parameters, scored.buffers, tokens)[0]
    expected = released.code([torch.from_numpy(each).permute(0, 3, 1, 2) for each in maps])
    assert torch.allclose(codes_NTK, expected.flatten(2).mT, rtol=1e-4, atol=1e-4)
    assert codes_NTK.std() > 0.1
    state = released.model.state_dict()
    assert torch.equal(scored.probes["cluster.centres"][0], state["cluster_probe.clusters"])
    assert torch.equal(scored.probes["linear.bias"][0], state["linear_probe.bias"])
    weight = state["linear_probe.weight"].flatten(1)
    assert torch.equal(scored.probes["linear.weight"][0], weight)
    if len(modalities) > 1:
        head = state["net.modal_projection_head.2.weight"].flatten(1)
        assert torch.equal(scored.parameters["cmh.second.weight"][0, 0], head)


@pytest.fixture
def released(tmp_path: Path) -> Released:
    return Released(tmp_path / "nyu.ckpt", "nyu", ["rgb", "depth"])


def test_the_command_prints_the_settings_read_and_evaluate_accepts_the_checkpoint(
    released: Released,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    assert call_trainer("import-checkpoint", released.path, "--out", out) == 0
    printed = capsys.readouterr().out
    weight, *pairs = RELEASED["nyu"]["depth"]
    for phrase in (
        "2905 (step 8715",
        "rgb, depth",
        "38.11",
        "vit_small_patch16_dinov3",
        "gpu_ids",
    ):
        assert phrase in printed
    line = next(line for line in printed.splitlines() if line.startswith("depth "))
    assert line.split()[1:] == [f"{number:.4f}" for number in (weight, *pairs)]

    fingerprint = build_backbone(config_of(out).backbone).fingerprint
    monkeypatch.setattr(
        setup, "prepare", lambda config, **_: dataset_features_for(released, fingerprint)
    )
    monkeypatch.setattr(evaluate_command, "require_labelled", lambda *_, **__: None)
    monkeypatch.setattr(evaluate_command, "open_dataset", lambda data: None)
    assert call_trainer("evaluate", out, "--split", "test", "--device", "cpu") == 0
    assert "weights: the last, after 2905 iterations" in capsys.readouterr().out
    monkeypatch.setattr(
        setup, "prepare", lambda config, **_: dataset_features_for(released, "other")
    )
    assert call_trainer("evaluate", out, "--split", "test", "--device", "cpu") == 2
    assert "was trained on other features" in capsys.readouterr().err


def test_an_imported_checkpoint_cannot_be_trained_further(
    released: Released,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import_checkpoint(released.path, tmp_path / "out")
    (tmp_path / "run.toml").write_text("")

    assert call_trainer("fit", tmp_path / "run.toml", "--out", tmp_path / "out") == 2
    error = capsys.readouterr().err
    assert "was imported from nyu.ckpt" in error and len(error.strip().splitlines()) == 1


class Bomb:
    def __init__(self, trace: Path) -> None:
        self._trace = trace

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self._trace),)


def refusal(path: Path, folder: Path, error: type[TrainerError] = CheckpointError) -> str:
    with pytest.raises(error) as caught:
        import_checkpoint(path, folder)
    text = str(caught.value)
    assert "\n" not in text
    left = [each for each in folder.parent.iterdir() if each.suffix not in (".ckpt", "")]
    assert not folder.exists() and not left
    return text


@pytest.mark.parametrize("place", ["hyper_parameters", "callbacks", "state_dict"])
def test_a_bomb_anywhere_in_it_does_nothing(place: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace"

    def arm(content: dict[str, Any]) -> None:
        content[place]["bomb"] = Bomb(trace)

    Released(tmp_path / "bomb.ckpt", "nyu", ["rgb"], change=arm)

    assert "mkdir" in refusal(tmp_path / "bomb.ckpt", tmp_path / "out")
    assert not trace.exists()


def without(key: str) -> Callable[[dict[str, Any]], None]:
    return lambda content: content.pop(key)


def with_state(**tensors: torch.Tensor | None) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        for name, value in tensors.items():
            if value is None:
                del content["state_dict"][name.replace("__", ".")]
            else:
                content["state_dict"][name.replace("__", ".")] = value

    return change


@pytest.mark.parametrize(
    ("change", "error", "phrases"),
    [
        (without("hyper_parameters"), CheckpointError, ["lacks what Lightning writes"]),
        (without("state_dict"), CheckpointError, ["'state_dict'"]),
        (without("global_step"), CheckpointError, ["'global_step'"]),
        (
            with_state(
                net__cluster1__0__bias=None,
                net__extra=torch.zeros(1),
                cluster_probe__clusters=torch.zeros(12, 6),
            ),
            CheckpointError,
            [
                "lacks 1: net.cluster1.0.bias",
                "also has 1: net.extra",
                "other shape: 1: cluster_probe.clusters (12, 6) instead of (13, 6)",
            ],
        ),
        (with_state(net__model__norm__bias=None), WeightsError, ["lacks 1: norm.bias"]),
    ],
)
def test_missing_and_extra_parts_are_named_and_nothing_is_left(
    change: Any, error: type[TrainerError], phrases: list[str], tmp_path: Path
) -> None:
    Released(tmp_path / "nyu.ckpt", "nyu", ["rgb", "depth"], change=change)
    text = refusal(tmp_path / "nyu.ckpt", tmp_path / "out", error)
    assert all(phrase in text for phrase in phrases), text


def test_a_folder_in_use_and_invalid_files_are_refused(released: Released, tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "file").touch()
    with pytest.raises(CheckpointError, match="is in use"):
        import_checkpoint(released.path, tmp_path / "used")
    (tmp_path / "junk.ckpt").write_bytes(b"junk")
    for name in ("junk.ckpt", "none.ckpt"):
        text = refusal(tmp_path / name, tmp_path / "out")
        assert "give a .ckpt file of UniM2" in text
    torch.save({"weights": torch.ones(2)}, tmp_path / "plain.ckpt")
    assert "lacks what Lightning writes" in refusal(tmp_path / "plain.ckpt", tmp_path / "out")


def test_older_settings_are_accepted_with_a_note(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "old.ckpt"
    Released(path, "nyu", ["rgb", "depth"], stabalize=True, forgotten_key=3)

    assert call_trainer("import-checkpoint", path, "--out", tmp_path / "out") == 0
    printed = capsys.readouterr().out
    assert "ignored: forgotten_key" in printed and "does not have: stabalize = True" in printed
