"""Weights & Biases itself, offline: it accepts our calls."""

from pathlib import Path

import pytest

from tests.unit.trainer.small import CPU, small_config, small_dataset_features
from trainer.engine.run import Run
from trainer.logs import open_log


def test_a_run_is_logged_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb", reason="the extra wandb is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_CACHE_DIR", str(tmp_path / "cache"))
    config = small_config()
    log = open_log("wandb", tmp_path / "run", config, iteration=0)
    log.write(Run.start(config, small_dataset_features(), CPU).advance())
    log.close()
    (file,) = (tmp_path / "run" / "wandb").glob("offline-run-*/run-*.wandb")
    content = file.read_bytes()
    assert b"cluster/miou" in content and b"code_dim" in content
