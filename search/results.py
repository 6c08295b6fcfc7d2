"""Stored studies for notebooks and scripts: ``from search import load_results, open_study``."""

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from search.reporting.study_details import StudyDetails

if TYPE_CHECKING:
    import optuna

    from storage.database import Database

__all__ = ["load_results", "open_study"]


def open_study(name: str, storage: str | None = None) -> "optuna.Study":
    """A stored study as an Optuna study in memory.

    It is a snapshot: nothing that you do with it changes the database or disturbs a running
    search. Notes and attributes are included; the user attributes ``config``, ``space``, ``seed``,
    ``versions``, ``revision`` and ``fingerprints`` say what the study depends on.

    Args:
        name: Name of the study.
        storage: The database, as for ``--storage``; None for ``UMSS_STORAGE`` or the embedded one.

    Raises:
        UnknownStudy: If there is no study of that name.
        StorageError: If the database cannot be used.
    """
    from search.transfer.optuna_copies import copy_in_memory  # lazily: it imports Optuna

    with _opened(storage) as database:
        return copy_in_memory(database, name)


def load_results(name: str, storage: str | None = None) -> StudyDetails:
    """A stored study as plain data: trials, reports, settings, versions.

    Args:
        name: Name of the study.
        storage: The database, as for ``--storage``; None for ``UMSS_STORAGE`` or the embedded one.

    Raises:
        UnknownStudy: If there is no study of that name.
        StorageError: If the database cannot be used.
    """
    from search.reporting.reading import read_details  # lazily: it imports SQLAlchemy

    with _opened(storage) as database:
        return read_details(database, name)


@contextlib.contextmanager
def _opened(storage: str | None) -> "Iterator[Database]":
    from storage.address import take_address  # lazily: they import SQLAlchemy
    from storage.database import open_database

    # A copy: taking an address removes secrets from the environment, and a notebook continues.
    with open_database(take_address(storage, dict(os.environ))) as database:
        yield database
