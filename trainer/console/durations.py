"""Durations in human-readable form."""

__all__ = ["about_text", "duration_text"]

MINUTE, HOUR, DAY = 60, 3600, 86400  # seconds


def duration_text(seconds: float) -> str:
    """Such as ``45 s``, ``12 min 04 s``, ``3 h 07 min`` or ``2 d 04 h``: two units at most."""
    whole = max(0, round(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02d} s"
    if whole < DAY:
        return f"{whole // HOUR} h {whole % HOUR // MINUTE:02d} min"
    return f"{whole // DAY} d {whole % DAY // HOUR:02d} h"


def about_text(seconds: float) -> str:
    """An estimate, no more exact than it deserves: ``45 s``, ``12 min`` or ``3 h 07 min``."""
    minutes = round(seconds / MINUTE)
    return f"{minutes} min" if 1 <= minutes < HOUR / MINUTE else duration_text(seconds)
