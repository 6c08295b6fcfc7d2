"""The trainer's command line, called in the process of the test."""

import sys

import pytest

from trainer.commands import app

__all__ = ["call_trainer"]


def call_trainer(*arguments: object) -> int:
    """Run a command of the trainer; gives its exit status."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["trainer", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            app.main()
    return int(caught.value.code or 0)
