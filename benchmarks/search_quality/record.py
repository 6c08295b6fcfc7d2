"""Record whole runs of evenly drawn settings, with every criterion at every evaluation.

    python -m benchmarks.search_quality.record --set nyu --data NYU --folder FOLDER --minutes 30

Nothing is pruned, and nothing learns: setting *n* is point *n* of a fixed Sobol sequence over the
space that a search with the same preset searches, so the same N settings for everyone. Runs are
trained in this process, on one thread. A second call continues behind the last one, also with
more settings or seeds, and runs that the public table has are not recorded again.

``FOLDER/SET.jsonl`` has one JSON object per line. The first one describes the set:

- ``kind``: ``set``; ``set``: its name; ``preset``, ``iterations``, ``evaluations``, ``backbone``
- ``space``: name, ``low``, ``high``, ``default`` and ``log`` of each searched parameter
- ``classes``: number of classes; ``images``: images of val
- ``constant_miou``: val mIoU of the best prediction of a single class, percent.

Every other line is a run that trained to its end:

- ``kind``: ``run``; or a reference, ``defaults`` (the default values of the parameters) or
  ``kmeans`` (K-means of the frozen features, which has none)
- ``set``; ``setting``: from 1, 0 for references; ``seed``: from 1
- ``params``: name to value, exact
- ``value``: of the default objective, the median over the last five evaluations, percent; null
  if a score is not a finite number
- ``looks``: one object per evaluation, with ``iteration``, ``loss``, ``finite`` and every
  criterion by name (``docs/search-quality.md``, ``docs/choosing-without-labels.md``). Scores are
  in percent and on val. A number that is undefined is null; a criterion that was added after a
  run was recorded is absent.
- ``cpu``: seconds of processor time.

No two runs share random draws: the seed of a run follows from setting and seed number. The test
split is never scored.
"""

import dataclasses
import math
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks.blocks import append_record, read_records
from benchmarks.collapse import constant_miou
from benchmarks.search_quality.public_table import kept_runs
from benchmarks.search_quality.sets import COMMON, SETS, Kind
from search.config.configuration import LaunchConfig, resolve
from search.objectives import DEFAULT_OBJECTIVE, find_objective
from search.samplers.startup import quasi_random_point
from trainer.config.configuration import MethodConfig, TrainConfig
from trainer.config.described import described_modalities
from trainer.config.layers import lay_over
from trainer.engine.run import Run
from trainer.errors import ConfigError
from trainer.features import DatasetFeatures, prepare
from trainer.records import Report
from trainer.seeds import derive_seed

__all__ = ["Job", "Recording", "jobs", "look_of"]

STUDY_SEED = 1  # of the Sobol sequence and of all runs
DIGITS = 6  # significant digits of the numbers in looks


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run."""

    kind: Kind
    setting: int
    seed: int


def jobs(settings: int, seeds: int) -> Iterator[Job]:
    """Every run in order: references first, then all settings with the first seed, and so on."""
    for seed in range(1, seeds + 1):
        yield Job(kind="kmeans", setting=0, seed=seed)
        yield Job(kind="defaults", setting=0, seed=seed)
    for seed in range(1, seeds + 1):
        for setting in range(1, settings + 1):
            yield Job(kind="run", setting=setting, seed=seed)


def config_of(name: str, data: Path | None, weights: Path | None) -> LaunchConfig:
    """The search whose space is recorded.

    Args:
        name: Of the set.
        data: Folder of the data set; None for a set that needs none.
        weights: Weights of the backbone; None for a set that needs none.

    Raises:
        ConfigError: If the set needs a file that is not given.
    """
    chosen = SETS[name]
    for flag, needed, given in (
        ("--data", chosen.data, data),
        ("--weights", chosen.weights, weights),
    ):
        if needed and given is None:
            raise ConfigError(f"--set {name} needs {flag}: give the folder or file")
    flags: dict[str, Any] = dict(chosen.tables)
    if data is not None and chosen.data:
        described = described_modalities(str(data))
        flags = lay_over(flags, {"data": {"root": str(data)}})
        if described is not None:
            flags = lay_over(flags, {"data": {"modalities": described[1]}})
    if weights is not None and chosen.weights:
        flags = lay_over(flags, {"backbone": {"weights": str(weights)}})
    return resolve(chosen.preset, None, flags)


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The runs of one set, and the file that they go to."""

    name: str
    config: LaunchConfig
    dataset_features: DatasetFeatures
    path: Path
    #: Kind, setting and seed of runs that were recorded elsewhere.
    kept: frozenset[tuple[str, int, int]] = frozenset()

    def head(self) -> dict[str, Any]:
        """The first record."""
        train = self.config.train
        return {
            "kind": "set",
            "set": self.name,
            "preset": SETS[self.name].preset,
            "iterations": train.training.iterations,
            "evaluations": train.evaluation.evaluations,
            "backbone": train.backbone.name,
            "space": [
                {
                    "name": each.name,
                    "low": each.low,
                    "high": each.high,
                    "default": each.default,
                    "log": each.log,
                }
                for each in self.config.space().hyper_parameters
            ],
            "classes": len(self.dataset_features.classes),
            "images": len(self.dataset_features.val),
            "constant_miou": constant_miou(self.dataset_features),
        }

    def begin(self) -> None:
        """Write the first record, or check that it is the same.

        Raises:
            ConfigError: If the file has runs of other settings.
        """
        found = read_records(self.path)
        if not found:
            append_record(self.path, self.head(), digits=DIGITS)
            return
        for key in COMMON:
            if found[0].get(key) != self.head()[key]:
                raise ConfigError(
                    f"{self.path} has runs with other settings ({key}): give another --folder"
                )

    def missing(self, settings: int, seeds: int) -> list[Job]:
        """The runs that nobody has recorded, in order."""
        done = {
            (each["kind"], each["setting"], each["seed"])
            for each in read_records(self.path)
            if each["kind"] != "set"
        } | self.kept
        return [
            job for job in jobs(settings, seeds) if (job.kind, job.setting, job.seed) not in done
        ]

    def params_of(self, job: Job) -> dict[str, float]:
        """The parameters of a run."""
        space = self.config.space()
        match job.kind:
            case "kmeans":
                return {}
            case "defaults":
                return dict(space.defaults)
            case "run":
                return quasi_random_point(space, job.setting, STUDY_SEED)

    def record(self, job: Job) -> dict[str, Any]:
        """Train a run to its end; returns its record."""
        params, began = self.params_of(job), time.process_time()
        run = Run.start(self._train(job, params), self.dataset_features, torch.device("cpu"))
        while not run.finished:
            run.advance()
        value = find_objective(DEFAULT_OBJECTIVE).value(run.reports)
        return {
            "kind": job.kind,
            "set": self.name,
            "setting": job.setting,
            "seed": job.seed,
            "params": params,
            "value": value if math.isfinite(value) else None,
            "looks": [look_of(report) for report in run.reports],
            "cpu": time.process_time() - began,
        }

    def _train(self, job: Job, params: Mapping[str, float]) -> TrainConfig:
        seed = derive_seed(STUDY_SEED, "record", job.kind, job.setting, job.seed)
        if job.kind == "kmeans":
            method = MethodConfig(name="kmeans")
            return dataclasses.replace(self.config.train, method=method, hyper={}, seed=seed)
        return self.config.train.with_trial(hyper=params, seed=seed)


def look_of(report: Report) -> dict[str, Any]:
    """An evaluation as it is recorded."""
    numbers = {"loss": report.loss, **report.criteria}
    return {
        "iteration": report.iteration,
        "finite": report.signals.finite,
        **{name: number if math.isfinite(number) else None for name, number in numbers.items()},
    }


def main(
    set_: Annotated[str, typer.Option("--set", help=f"One of {', '.join(SETS)}.")],
    folder: Annotated[Path, typer.Option(help="Folder of the records and the feature cache.")],
    data: Annotated[Path | None, typer.Option(help="Folder of the data set.")] = None,
    settings: Annotated[int | None, typer.Option(help="Number of settings.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Runs of each setting.")] = None,
    minutes: Annotated[float, typer.Option(help="Begin no run after so long.")] = 1e6,
    weights: Annotated[Path | None, typer.Option(help="Weights of DINOv2 ViT-S/14.")] = None,
) -> None:
    """Train what is missing, and add a line for each run."""
    if set_ not in SETS:
        sys.exit(f"--set {set_} is not known: choose from {', '.join(SETS)}")
    until = time.monotonic() + 60 * minutes
    torch.set_num_threads(1)  # sums in one order, on every machine
    try:
        config = config_of(set_, data, weights)
        features = prepare(config.train, cache=folder / "cache", verify="sizes")
        recording = Recording(
            name=set_, config=config, dataset_features=features, path=folder / f"{set_}.jsonl"
        )
        recording = dataclasses.replace(recording, kept=kept_runs(recording.head()))
        recording.begin()
    except ConfigError as error:
        sys.exit(str(error))
    wanted = SETS[set_]
    left = recording.missing(settings or wanted.settings, seeds or wanted.seeds)
    for job in left:
        if time.monotonic() > until:
            break
        record = recording.record(job)
        append_record(recording.path, record, digits=DIGITS)
        last = record["looks"][-1]
        print(
            f"{set_} {job.kind} {job.setting} seed {job.seed}: mIoU {last['miou']},"
            f" label-free {last['label_free']}, {record['cpu']:.1f} s",
            flush=True,
        )
    missing = recording.missing(settings or wanted.settings, seeds or wanted.seeds)
    print(f"{recording.path}: {len(missing)} runs are missing")


if __name__ == "__main__":
    typer.run(main)
