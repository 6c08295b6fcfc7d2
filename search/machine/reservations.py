"""Reservations: which search uses which cores and GPUs of this machine, so that none is shared.

Every search starts its own Ray, and every Ray counts all cores of the machine. A search therefore
first reserves what its workers need: it locks one file per core or GPU. The kernel releases the
locks when the process ends in any way. A search uses only what it has reserved.
"""

import dataclasses
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import platformdirs

from search.errors import ClusterError
from search.machine.resources import Machine, usable_cores
from storage.file_lock import FileLock
from storage.process_identity import boot_id
from trainer.config.paths import user_path

__all__ = [
    "Reservation",
    "SharingPolicy",
    "held_text",
    "holders",
    "reservations_folder",
    "reserve",
]

VARIABLE = "UMSS_BOOKINGS"
GUARD_SECONDS = 10.0  # longest wait for another search that is reserving
POLL_SECONDS = 1.0  # between two tries while others hold the cores
REPEAT_SECONDS = 60.0  # between two lines that say so


@dataclass(frozen=True, kw_only=True)
class SharingPolicy:
    """How a search shares the machine with other searches."""

    #: Whether the user gave the number of workers; otherwise fewer are started if need be.
    exactly: bool = False
    #: Whether to wait for cores and GPUs that others hold.
    wait: bool = False
    #: Whether to use cores and GPUs that others hold, too.
    oversubscribe: bool = False


class Reservation:
    """The cores and GPUs that this search holds; a context manager that releases them."""

    def __init__(
        self, machine: Machine, folder: Path | None = None, locks: Sequence[FileLock] = ()
    ) -> None:
        """Hold locks on the files of a folder; without a folder nothing is reserved."""
        #: The machine with the reserved number of workers, and the reserved GPUs.
        self.machine = machine
        self._folder, self._locks = folder, tuple(locks)

    def label(self, study: str) -> None:
        """Write the study and this process into the locked files, for others to read."""
        text = json.dumps({"study": study, "pid": os.getpid()}).encode()
        for lock in self._locks:
            os.ftruncate(lock.descriptor, 0)
            os.pwrite(lock.descriptor, text, 0)

    def __enter__(self) -> "Reservation":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._folder is not None:
            with _guarded(self._folder):  # others see all of them released, or none
                for lock in self._locks:
                    lock.close()


def reserve(
    machine: Machine,
    *,
    policy: SharingPolicy,
    study: str,
    say: Callable[[str], None],
    folder: Path | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Reservation:
    """Reserve what the machine's workers need: one core each, and the GPUs that they share.

    If there are more workers than cores, all cores are reserved.

    Args:
        machine: The workers and GPUs to reserve, if all are free.
        policy: What to do if they are not.
        study: Name of the study, for others to read.
        say: Prints a line while waiting, or if the search gets fewer workers.
        folder: Folder of the locked files; the default is the same for all searches of a user.
        sleep: Waits some seconds.

    Raises:
        ClusterError: If others hold too much, and the policy is not to wait.
    """
    if policy.oversubscribe:
        return Reservation(machine)
    place = reservations_folder() if folder is None else folder
    waited = 0.0
    while True:
        held = held_text(place)
        reservation = _try(machine, place, exactly=policy.exactly, study=study)
        if reservation is not None:
            if reservation.machine.workers < machine.workers:
                say(
                    f"{held}: this search takes the rest,"
                    f" {reservation.machine.workers} of {machine.workers} workers"
                )
            return reservation
        if not policy.wait:
            fixes = "--wait to start when they are free, --oversubscribe to share them"
            fewer = ", a smaller --workers" * (policy.exactly and machine.workers > 1)
            raise ClusterError(f"{held}: give {fixes}{fewer}")
        if waited % REPEAT_SECONDS == 0:
            say(f"waiting for free cores: {held}")
        sleep(POLL_SECONDS)
        waited += POLL_SECONDS


def reservations_folder() -> Path:
    """The folder of this machine's reservations; a new one after each restart of the machine."""
    given = os.environ.get(VARIABLE)
    if given:
        return user_path(given)
    data = Path(platformdirs.user_data_dir("unim2-search"))
    return data / "bookings" / (boot_id() or "machine")  # machines may share the data folder


def holders(folder: Path | None = None) -> dict[str, str]:
    """What is reserved now, such as ``core-0``, and by whom."""
    place = reservations_folder() if folder is None else folder
    found = {}
    if place.is_dir():
        with _guarded(place):
            for path in sorted(place.glob("*-*")):
                with FileLock(path) as lock:
                    if not lock.try_shared():
                        found[path.name] = _read_label(path)
    return found


def _try(machine: Machine, folder: Path, *, exactly: bool, study: str) -> Reservation | None:
    """Reserve everything at once; None, with nothing reserved, if too little is free."""
    _make(folder)
    with _guarded(folder):
        cores = _lock_free(folder, [f"core-{core}" for core in usable_cores()])
        gpus = _lock_free(folder, [f"gpu-{gpu}" for gpu in machine.gpus])
        granted = _granted(machine, cores=len(cores), gpus=list(gpus), exactly=exactly)
        if granted is None:
            for lock in (*cores.values(), *gpus.values()):
                lock.close()
            return None
        kept = [*list(cores.values())[: granted.workers]]
        kept += [gpus[f"gpu-{gpu}"] for gpu in granted.gpus]
        for lock in (*cores.values(), *gpus.values()):
            if lock not in kept:
                lock.close()
        reservation = Reservation(granted, folder, kept)
        reservation.label(study)
        return reservation


def _granted(machine: Machine, *, cores: int, gpus: list[str], exactly: bool) -> Machine | None:
    """The workers and GPUs for which the free cores and GPUs suffice; None if they do not."""
    wanted_gpus = min(len(machine.gpus), machine.workers)
    wanted_cores = min(machine.workers, len(usable_cores()))
    if exactly:
        enough = cores >= wanted_cores and len(gpus) >= wanted_gpus
        workers = machine.workers if enough else 0
    else:
        workers = min(cores, len(gpus)) if machine.gpus else min(cores, machine.workers)
    if not workers:
        return None
    names = tuple(gpu for gpu in machine.gpus if f"gpu-{gpu}" in gpus)
    names = names[: min(len(machine.gpus), workers)]
    own = f"cuda:{machine.gpus.index(names[0])}" if names else machine.own_device
    return dataclasses.replace(machine, workers=workers, gpus=names, own_device=own)


def _lock_free(folder: Path, names: Sequence[str]) -> dict[str, FileLock]:
    """Lock the files that nobody holds, in order."""
    locked = {}
    for name in names:
        lock = FileLock(folder / name)
        if lock.try_exclusive():
            locked[name] = lock
        else:
            lock.close()
    return locked


def _guarded(folder: Path) -> FileLock:
    """The lock that lets one search at a time reserve or release."""
    guard = FileLock(folder / "guard")
    deadline = time.monotonic() + GUARD_SECONDS
    while not guard.try_exclusive():
        if time.monotonic() > deadline:
            guard.close()
            raise ClusterError(
                f"another process has held {guard.path} for {GUARD_SECONDS:g} s: end it"
            )
        time.sleep(0.01)
    return guard


def held_text(folder: Path) -> str:
    """Who holds what, such as ``rooms-3 (process 12) holds core-0, core-1``."""
    by_holder: dict[str, list[str]] = {}
    for name, holder in holders(folder).items():
        by_holder.setdefault(holder, []).append(name)
    lines = [f"{holder} holds {', '.join(names)}" for holder, names in by_holder.items()]
    return "; ".join(lines) or "other searches held all cores a moment ago"


def _read_label(path: Path) -> str:
    try:
        label = json.loads(path.read_text(encoding="utf-8"))
        return f"study {label['study']} (process {label['pid']})"
    except (OSError, ValueError, LookupError, TypeError):
        return "another search"  # it has not written it yet


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ClusterError(
            f"cannot record which cores are in use in {folder} ({error.strerror}): set {VARIABLE}"
            " to a writable folder"
        ) from error
