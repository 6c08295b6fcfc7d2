"""One thing that was looked at: what was found, whether that will do, and what mends it."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Check", "State", "failed", "ok", "warning"]

#: ``warning``: a search runs, but not as one may expect.
State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """The result of one check."""

    #: What was looked at, in a word or two.
    name: str
    state: State
    #: What was found, in one line.
    found: str
    #: The command that mends it, or what to do; empty where nothing has to be mended.
    mend: str = ""


def ok(name: str, found: str) -> Check:
    """It works."""
    return Check(name=name, state="ok", found=found)


def warning(name: str, found: str, mend: str) -> Check:
    """It works, but not as one may expect."""
    return Check(name=name, state="warning", found=found, mend=mend)


def failed(name: str, found: str, mend: str) -> Check:
    """It does not work."""
    return Check(name=name, state="failed", found=found, mend=mend)
