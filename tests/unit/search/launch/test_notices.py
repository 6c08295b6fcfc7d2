"""Lines of a launch before its first worker starts."""

from pathlib import Path

import pytest

from search.config.configuration import resolve
from search.launch.notices import show_slow_precision
from search.machine.resources import Machine
from trainer.nn import bf16_instructions


@pytest.mark.parametrize(("precision", "warned"), [("bf16", True), ("fp32", False)])
def test_a_slow_precision(
    precision: str, warned: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bf16_instructions, "CPU_INFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text("flags : avx2\n")
    config = resolve("rooms", None, {"training": {"precision": precision}})
    said: list[str] = []
    show_slow_precision(config, Machine(device="cpu", workers=1), said.append)
    assert len(said) == warned
    assert all(line.startswith("warning: training.precision = 'bf16'") for line in said)
