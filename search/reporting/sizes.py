"""Sizes as people say them."""

__all__ = ["bytes_text"]


def bytes_text(size: float) -> str:
    """Such as ``640 KiB``, ``12.5 MiB`` or ``3.2 GiB``."""
    if size < 2**20:
        return f"{size / 2**10:.0f} KiB"
    return f"{size / 2**20:.1f} MiB" if size < 2**30 else f"{size / 2**30:.1f} GiB"
