"""Which processors are known to be slow in bf16."""

from pathlib import Path

import pytest

from trainer.nn import bf16_instructions
from trainer.nn.bf16_instructions import slow_precision


@pytest.mark.parametrize(
    ("info", "slow"),
    [
        ("model name\t: X\nflags\t\t: fpu avx2 avx512_bf16 \n", False),
        ("flags : fpu amx_bf16\n\nflags : fpu amx_bf16\n", False),
        ("flags\t\t: fpu avx2 avx512f\n", True),
        ("Features\t: fp asimd bf16 i8mm\n", False),
        ("Features\t: fp asimd\n", True),
        ("says nothing about flags: avx2\n", False),
    ],
)
def test_flags_decide(
    info: str, slow: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bf16_instructions, "CPU_INFO", tmp_path / "cpuinfo")
    (tmp_path / "cpuinfo").write_text(info)
    found = slow_precision("cpu", "bf16")
    assert (found is not None) == slow
    if found is not None:
        assert "this processor has no instructions for it" in found
    assert slow_precision("cpu", "fp32") is None


def test_a_system_that_does_not_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bf16_instructions, "CPU_INFO", tmp_path / "missing")
    assert slow_precision("cpu", "bf16") is None
