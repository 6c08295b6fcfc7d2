"""Sizes in human-readable form, in binary units."""

__all__ = ["bytes_text"]

UNITS = ("MiB", "GiB", "TiB")


def bytes_text(size: float) -> str:
    """Such as ``640 KiB``, ``12.5 MiB`` or ``3.2 GiB``."""
    if size < 2**20:
        return f"{size / 2**10:.0f} KiB"
    for power, unit in enumerate(UNITS, start=2):
        if size < 2 ** (10 * power + 10) or unit == UNITS[-1]:
            break
    return f"{size / 2 ** (10 * power):.1f} {unit}"
