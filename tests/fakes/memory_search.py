"""A whole search in memory, except for its checkpoints, for tests of the driver."""

from pathlib import Path
from typing import Any

from search.checkpoints.artifact_store import ArtifactCheckpointStore
from search.checkpoints.folders import CheckpointStore
from search.driver.driver import Driver
from search.driver.in_memory_study import InMemoryStudy
from search.driver.plan import Plan
from search.driver.retention import CheckpointRetention
from search.driver.rules import Rules
from search.driver.running_trial import RunningTrial
from search.driver.schedule import Schedule
from search.driver.snapshots import Snapshots
from search.objectives import Objective
from search.objectives.miou_accuracy import MIOU_ACCURACY
from search.pruners import CollapseRules, build_pruner
from search.samplers import find_sampler
from search.spaces import Space
from tests.fakes.pool import Fault, InlinePool
from tests.fakes.store import MemoryStore, SilentProgress
from trainer.hyper_parameters import HyperParameter

EVALUATIONS = 6
NAMES = ("lambda_self", "b_self", "lambda_knn", "b_knn", "lambda_random", "b_random")
SPACE = Space(
    hyper_parameters=tuple(HyperParameter(name=name, low=0, high=1, default=0.5) for name in NAMES)
)


def make_plan(
    *, trials: int, in_flight: int, retries: int = 2, objective: Objective = MIOU_ACCURACY
) -> Plan:
    return Plan(
        seed=7,
        space=SPACE,
        sampler=find_sampler("tpe"),
        rules=Rules(
            objective=objective,
            collapse=CollapseRules(),
            pruner=build_pruner("competitive", EVALUATIONS),
            evaluations=EVALUATIONS,
        ),
        schedule=Schedule(target=trials, in_flight=in_flight),
        max_retries=retries,
    )


class Search:
    """A search with everything in memory except the checkpoints."""

    def __init__(
        self,
        folder: Path,
        *,
        trials: int = 30,
        workers: int = 1,
        slots: int = 1,
        in_flight: int | None = None,
        fault: Fault | None = None,
        store: MemoryStore | None = None,
        patience: float = 5.0,
        memory: InMemoryStudy | None = None,
        pool: InlinePool | None = None,
        artifact_store: ArtifactCheckpointStore | None = None,
        adopted: list[RunningTrial] | None = None,
        objective: Objective = MIOU_ACCURACY,
        **options: Any,
    ) -> None:
        self.store = store or MemoryStore()
        self.memory = memory or InMemoryStudy("study")
        self.progress = SilentProgress()
        self.pool = pool or InlinePool(workers, fault, artifact_store, slots)
        self.stopping = False
        checkpoints = CheckpointStore(root=folder, study="study", identity="memory")
        self.driver = Driver(
            plan=make_plan(
                trials=trials,
                in_flight=in_flight or workers * slots + 1,
                objective=objective,
            ),
            memory=self.memory,
            adopted=adopted or [],
            store=self.store,
            pool=self.pool,
            checkpoints=checkpoints,
            retention=CheckpointRetention(checkpoints, self.memory, artifact_store),
            epoch=1,
            progress=self.progress,
            snapshots=Snapshots(
                study="study",
                storage="memory",
                target=trials,
                iterations=60,
                objective=objective,
            ),
            check_lease=lambda: None,
            patience=patience,
            **options,
        )

    def points(self) -> list[dict[str, float]]:
        return [entry.parameters for entry in self.store.added()]

    def values(self) -> list[float | None]:
        return [trial.value for trial in self.memory.trials()]
