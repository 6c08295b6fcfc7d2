"""Which search holds which cores and GPUs of this machine, so that none is given out twice.

Every search starts a Ray of its own, and every Ray counts all cores of the machine. So a
search first reserves what its workers will take: one locked file a core or GPU, which the kernel
frees with the process, however that ends. What it does not get, it does not use.
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
GUARD_SECONDS = 10.0  # longest that another search takes to reserve
POLL_SECONDS = 1.0  # between two looks while waiting for what others hold
TOLD_SECONDS = 60.0  # between two lines that say so


@dataclass(frozen=True, kw_only=True)
class SharingPolicy:
    """How a search shares the machine with others."""

    #: Whether the number of workers was given; if not, what is free will do.
    exactly: bool = False
    #: Whether to wait for what others hold.
    wait: bool = False
    #: Whether to use it beside them.
    oversubscribe: bool = False


class Reservation:
    """The cores and GPUs that this search holds; a context manager that gives them back."""

    def __init__(
        self, machine: Machine, folder: Path | None = None, locks: Sequence[FileLock] = ()
    ) -> None:
        """Hold the locks of a folder; without one nothing is held, nor asked of others."""
        #: The machine, with no more workers and GPUs than were reserved.
        self.machine = machine
        self._folder, self._locks = folder, tuple(locks)

    def label(self, study: str) -> None:
        """Write down, for others to read, which study holds them."""
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
            with _guarded(self._folder):  # whoever waits for them finds all or none
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
    """Reserve what the machine's workers take: a core each, and the GPUs they share.

    Workers beyond the machine's cores share them, as was asked for.

    Args:
        machine: What is wanted, if all of it were free.
        policy: What to do where it is not.
        study: Who takes it, for others to read.
        say: Tells of waiting, and of taking less.
        folder: Where the files lie; the default is the same for all searches of a user.
        sleep: Waits some seconds.

    Raises:
        ClusterError: If others hold too much of it, and it is not to be waited for.
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
            mends = "--wait to start when they are free, --oversubscribe to share them"
            fewer = ", a smaller --workers" * (policy.exactly and machine.workers > 1)
            raise ClusterError(f"{held}: give {mends}{fewer}")
        if waited % TOLD_SECONDS == 0:
            say(f"waiting for free cores: {held}")
        sleep(POLL_SECONDS)
        waited += POLL_SECONDS


def reservations_folder() -> Path:
    """The folder of the reservations on this machine, since it was started."""
    given = os.environ.get(VARIABLE)
    if given:
        return user_path(given)
    data = Path(platformdirs.user_data_dir("unim2-search"))
    return data / "bookings" / (boot_id() or "machine")  # the data folder may be of a network


def holders(folder: Path | None = None) -> dict[str, str]:
    """What is held now, such as ``core-0``, and by whom."""
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
    """Reserve all that is needed at once, or nothing."""
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
    """What the free cores and GPUs are enough for; None if that is nothing, or too little."""
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
    """Lock those of the files that nobody holds, in order."""
    locked = {}
    for name in names:
        lock = FileLock(folder / name)
        if lock.try_exclusive():
            locked[name] = lock
        else:
            lock.close()
    return locked


def _guarded(folder: Path) -> FileLock:
    """The lock under which one search at a time reserves."""
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
    told = [f"{holder} holds {', '.join(names)}" for holder, names in by_holder.items()]
    return "; ".join(told) or "other searches held all cores a moment ago"


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
            f"cannot note which cores are in use in {folder} ({error.strerror}): set {VARIABLE}"
            " to a folder that can be written"
        ) from error
