"""The result of one check: its state, what was found, and how to fix it."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Check", "State", "failed", "ok", "warning"]

#: ``warning``: a search runs, but perhaps not as expected.
State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """The result of one check."""

    #: What was checked, in a word or two.
    name: str
    state: State
    #: What was found, in one line.
    found: str
    #: A command that fixes it, or what to do; empty if nothing needs fixing.
    fix: str = ""


def ok(name: str, found: str) -> Check:
    """A check that passed."""
    return Check(name=name, state="ok", found=found)


def warning(name: str, found: str, fix: str) -> Check:
    """A check that passed, but found something unexpected."""
    return Check(name=name, state="warning", found=found, fix=fix)


def failed(name: str, found: str, fix: str) -> Check:
    """A check that failed."""
    return Check(name=name, state="failed", found=found, fix=fix)
