"""Flags that cannot be meant are refused before anything happens."""

import socket

import pytest
from typer.testing import CliRunner

from search.commands.app import app
from search.dashboard.serving import _other


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_a_port_that_cannot_be_is_refused(port: str) -> None:
    done = CliRunner().invoke(app, ["dashboard", "--port", port])
    assert done.exit_code == 2 and "Invalid value for '--port'" in done.output


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (OSError(98, "Address already in use"), "--port another number"),
        (OSError(99, "Cannot assign requested address"), "--host an address of this machine"),
        (socket.gaierror(-2, "unknown"), "--host an address of this machine"),
    ],
)
def test_the_flag_to_change_is_named(error: OSError, advice: str) -> None:
    assert _other(error) == advice


def test_more_trials_than_a_study_can_have_are_refused_at_once() -> None:
    done = CliRunner().invoke(app, ["launch", "--trials", "99999999999", "--dry-run"])
    assert done.exit_code == 2
    assert "--trials 99999999999 is too large: give up to 1000000" in done.output
