"""The schedule of a chaos run: its workers and its faults, all drawn from one seed."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from trainer.seeds import numpy_generator

__all__ = ["TRIALS", "Fault", "Schedule", "draw_schedule"]

TRIALS = 40
#: Outages in seconds; the long one in every tenth run, the others elsewhere.
SHORT_OUTAGES, LONG_OUTAGE = (0.5, 5.0), 60.0
#: Of every ten seeds, the one that runs the real command on real Ray, and the one of 60 s.
RAY_DIGIT, LONG_OUTAGE_DIGIT = 9, 3
#: Statements per failure, in runs whose statements fail: 0.5 %.
STATEMENTS_PER_FAILURE = 200

#: Faults of runs whose workers are light processes, and of runs on Ray, where the head of the
#: cluster is killed as well.
LIGHT_FAULTS = (
    "kill_driver",
    "kill_worker",
    "freeze_driver",
    "full_disk",
    "driver_clock",
    "server_clock",
    "stop_driver",
)
RAY_FAULTS = ("kill_driver", "kill_worker")
#: Beside those, in a part of the runs: drawn apart, so that the others stay as they are.
OTHERS_WRITE, OTHERS_SHARE = "others_write", 0.15
#: Slots of each of several workers, drawn apart likewise: runs of one worker stay comparable.
SLOTS = (1, 3)
#: One run has one fault of these at most: each brings a second driver.
TAKEOVERS = ("freeze_driver", "server_clock")


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault, which strikes once."""

    #: Name in the table of ``tests.chaos.faults``.
    kind: str
    #: Ended trials, according to the driver's output, after which it is due.
    at: int
    #: Seconds from then on, so that it can strike anywhere in a trial.
    delay: float
    #: How long it lasts; 0 for one that is over at once.
    seconds: float = 0.0
    #: Which of several it strikes, where there are several.
    pick: int = 0


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A whole run."""

    seed: int
    #: ``light``: the suite's own processes; ``ray``: the real command on Ray.
    engine: Literal["light", "ray"]
    workers: int
    #: Seed of the study; few, so that undisturbed runs are shared.
    study_seed: int
    faults: tuple[Fault, ...]
    #: Statements of the driver per failure; None if none fails.
    failing_every: int | None = None
    #: Trials that break whenever they are tried: these become FAIL.
    broken: tuple[int, ...] = ()
    #: Trials that break the first time: these are tried again.
    stumbling: tuple[int, ...] = ()
    #: Whether checkpoints are kept in an artifact store, and every driver and worker is on a
    #: machine of its own, so that they share no folder of checkpoints.
    alone: bool = False
    #: Trials that each worker trains at the same time.
    slots: int = 1
    trials: int = TRIALS

    @property
    def comparable(self) -> bool:
        """Whether parameters and values have to be those of the undisturbed run."""
        others = any(fault.kind == "others_write" for fault in self.faults)
        return self.workers * self.slots == 1 and not self.broken and not others


def draw_schedule(seed: int, *, trials: int = TRIALS) -> Schedule:
    """The run of a seed."""
    rng = numpy_generator(seed, "chaos")
    if seed % 10 == RAY_DIGIT:
        return _draw_ray(rng, seed, trials)
    return _draw_light(rng, seed, trials)


def _draw_light(rng: np.random.Generator, seed: int, trials: int) -> Schedule:
    workers = int(rng.choice([1, 1, 2, 4]))
    kinds = [str(kind) for kind in rng.choice(LIGHT_FAULTS, size=int(rng.integers(2, 5)))]
    takeovers = [kind for kind in kinds if kind in TAKEOVERS]
    kinds = [kind for kind in kinds if kind not in TAKEOVERS] + takeovers[:1]
    failing = bool(rng.random() < 0.35)
    broken = workers > 1 and bool(rng.random() < 0.4)
    odd = [int(number) for number in rng.choice(np.arange(3, trials - 2), 2, replace=False)]
    return Schedule(
        seed=seed,
        engine="light",
        workers=workers,
        study_seed=seed % 4,
        faults=_with_others(seed, _place(rng, [*kinds, *_outages(rng, seed)], trials), trials),
        failing_every=STATEMENTS_PER_FAILURE if failing else None,
        broken=(odd[0],) if broken else (),
        stumbling=(odd[1],) if rng.random() < 0.4 else (),
        alone=bool(rng.random() < 0.3),
        slots=_slots(seed) if workers > 1 else 1,
        trials=trials,
    )


def _slots(seed: int) -> int:
    """Slots of each worker, where there are several workers."""
    return int(numpy_generator(seed, "chaos", "slots").choice(SLOTS))


def _draw_ray(rng: np.random.Generator, seed: int, trials: int) -> Schedule:
    kinds = ["kill_head", str(rng.choice(RAY_FAULTS))]
    return Schedule(
        seed=seed,
        engine="ray",
        workers=int(rng.integers(1, 3)),
        study_seed=seed % 4,
        faults=_place(rng, [*kinds, *_outages(rng, seed)], trials),
        trials=trials,
    )


def _outages(rng: np.random.Generator, seed: int) -> list[str]:
    if seed % 10 == LONG_OUTAGE_DIGIT:
        return ["long_outage"]
    return ["outage"] * int(rng.integers(0, 3))


def _with_others(seed: int, faults: tuple[Fault, ...], trials: int) -> tuple[Fault, ...]:
    rng = numpy_generator(seed, "chaos", "others")
    kinds = [OTHERS_WRITE] if rng.random() < OTHERS_SHARE else []
    more = _place(rng, kinds, trials)
    return tuple(sorted((*faults, *more), key=lambda fault: (fault.at, fault.delay)))


def _place(rng: np.random.Generator, kinds: list[str], trials: int) -> tuple[Fault, ...]:
    """Faults in the order in which they are due, all before the search is over."""
    faults = []
    for kind in kinds:
        seconds = 0.0
        if kind == "outage":
            seconds = float(rng.choice(SHORT_OUTAGES))
        elif kind == "long_outage":
            seconds = LONG_OUTAGE
        elif kind == "full_disk":
            seconds = float(rng.uniform(1.0, 4.0))
        elif kind in ("driver_clock", "server_clock"):
            seconds = 3600.0
        faults.append(
            Fault(
                kind="outage" if kind == "long_outage" else kind,
                at=int(rng.integers(1, trials - 8)),
                delay=float(rng.uniform(0.0, 1.0)),
                seconds=seconds,
                pick=int(rng.integers(0, 1000)),
            )
        )
    return tuple(sorted(faults, key=lambda fault: (fault.at, fault.delay)))
