"""Groups of flags: a record in a command's signature is its fields on the command line."""

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from search.commands.ending import BAD_INPUT, one_line_errors
from search.commands.flag_groups import RunFlags, SpaceFlags
from search.commands.grouping import given_flags, with_groups
from search.errors import SettingsError


@dataclass(frozen=True, kw_only=True)
class Oven:
    """How to bake."""

    degrees: Annotated[int, typer.Option(help="How hot.")] = 180
    fan_speed: Annotated[int | None, typer.Option(help="How fast.")] = None
    shut: Annotated[bool, typer.Option("--keep-shut", help="Whether to look.")] = False

    def __post_init__(self) -> None:
        if self.degrees > 300:
            raise SettingsError(f"--degrees {self.degrees} is too hot: give 300 or less")


#: A program of one command, and the arguments of its calls.
Bakery = tuple[typer.Typer, list[tuple[str, Oven, bool]]]


@pytest.fixture
def bakery() -> Bakery:
    app = typer.Typer()
    baked: list[tuple[str, Oven, bool]] = []

    @app.command()
    @one_line_errors
    @with_groups
    def bake(*, bread: Annotated[str, typer.Argument()], oven: Oven, twice: bool = False) -> None:
        """Bake bread."""
        baked.append((bread, oven, twice))

    return app, baked


def test_fields_are_flags_and_come_back_as_the_record(
    bakery: Bakery,
) -> None:
    app, baked = bakery
    given = ["rye", "--degrees", "220", "--fan-speed", "2", "--keep-shut", "--twice"]
    for arguments in (["rye"], given):
        assert CliRunner().invoke(app, arguments).exit_code == 0
    assert baked == [
        ("rye", Oven(), False),
        ("rye", Oven(degrees=220, fan_speed=2, shut=True), True),
    ]


def test_a_value_that_the_record_refuses_is_one_line(
    bakery: Bakery,
) -> None:
    app, baked = bakery
    refused = CliRunner().invoke(app, ["rye", "--degrees", "301"])
    assert (refused.exit_code, baked) == (BAD_INPUT, [])
    assert refused.stderr == "error: --degrees 301 is too hot: give 300 or less\n"


def test_given_flags_are_those_that_differ_from_their_defaults_as_they_are_typed() -> None:
    assert list(given_flags(Oven())) == []
    assert list(given_flags(Oven(degrees=200, fan_speed=0, shut=True))) == [
        ("--degrees", 200),
        ("--fan-speed", 0),
        ("--keep-shut", True),
    ]
    assert dict(given_flags(SpaceFlags(range_=["b_knn=0:1"]))) == {"--range": ["b_knn=0:1"]}
    assert dict(given_flags(RunFlags(db_patience=5.0))) == {"--db-patience": 5.0}
