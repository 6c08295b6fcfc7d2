"""Whether a device has instructions for bf16; without them, products in bf16 are very slow."""

import re
from pathlib import Path

__all__ = ["slow_precision"]

CPU_INFO = Path("/proc/cpuinfo")
#: Their names among the flags of a processor: x86, and ARM.
INSTRUCTIONS = frozenset({"avx512_bf16", "amx_bf16", "bf16", "svebf16"})


def slow_precision(device: str, precision: str) -> str | None:
    """A warning if the device computes products in this precision more slowly than in fp32.

    Args:
        device: Type of the device to train on: ``cpu`` or ``cuda``.
        precision: ``training.precision``.

    Returns:
        One line; None if the precision is not slow, or if the system does not say.
    """
    if precision != "bf16" or _has_instructions(device):
        return None
    return (
        "training.precision = 'bf16' will be many times slower than 'fp32': this"
        f" {'GPU' if device == 'cuda' else 'processor'} has no instructions for it"
    )


def _has_instructions(device: str) -> bool:
    if device == "cuda":
        import torch  # lazily: a launch does not wait for it before it has looked at its settings

        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    try:
        text = CPU_INFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    flags = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return flags is None or not INSTRUCTIONS.isdisjoint(flags[1].split())
