"""The flags that name the database."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from typer import Option

from search.commands.interrupting import signals_as_ctrl_c
from search.commands.options import path_option
from storage.address import Address, take_address
from storage.database import Database, open_database

__all__ = ["StorageFlags"]


@dataclass(frozen=True, kw_only=True)
class StorageFlags:
    """The database to use."""

    storage: Annotated[
        str | None,
        Option(
            help="Database: embedded[:FOLDER], or postgresql://USER@HOST/NAME without a password."
        ),
    ] = None
    password_file: Annotated[
        Path | None, path_option("File whose first line is the database password.", "FILE")
    ] = None

    def address(self) -> Address:
        """The address of the database; removes secrets from the environment."""
        return take_address(self.storage, os.environ, password_file=self.password_file)

    @contextlib.contextmanager
    def opened(self, *, read_only: bool = False) -> Iterator[Database]:
        """The open database, closed at the end of the block, also by SIGTERM and SIGHUP."""
        with signals_as_ctrl_c(), open_database(self.address(), read_only=read_only) as database:
            yield database
