"""Starting points: settings that were good on other data sets, for the first trials of a search.

Which settings were good on the same data is known from its labels, so that a search which starts
there is not what it would be on new data. Studies of the same data set are therefore refused
unless the user accepts them. Settings move between spaces and modalities by their canonical
vectors; learning rates stay behind, as they belong to a data set's run.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.trial import FrozenTrial, TrialState, create_trial

from search.config.configuration import LaunchConfig, known_config
from search.errors import StudyFileError
from search.launch.meaning import Meaning, vector_of
from search.quality.expected import Expected, Point, PointKind, expect
from search.records.origin import FIXED_ATTRIBUTE
from search.records.stored_trial import STARTING_ATTRIBUTE
from search.reporting.reading import read_study
from search.spaces.canonical import canonical_vector, vector_key
from search.transfer.trial_files import READERS, FoundTrial, Looked, read_trial_file
from storage.database import Database
from trainer.config.configuration import TRIAL_SETTINGS, TrainConfig
from trainer.errors import ConfigError

__all__ = ["MOST_POINTS", "StartingPoint", "as_queued", "find_starting_points"]

#: In all; more would leave too few even points among the first trials.
MOST_POINTS = 5
#: Data sets that are named by their folder alone.
FOLDERS = ("folder",)
KINDS: Mapping[str, PointKind] = {
    "complete": "complete",
    "collapsed": "collapsed",
    "underperforming": "behind",
}


@dataclass(frozen=True, kw_only=True)
class StartingPoint:
    """Parameters of one of the first trials."""

    params: Mapping[str, float]
    #: Where they come from, such as ``trial 12 of study nyu-3 (data set nyu)``.
    origin: str


@dataclass(frozen=True, kw_only=True)
class _Source:
    """The finished trials of a study."""

    #: As given, for messages.
    given: str
    config: LaunchConfig
    points: Sequence[Point]

    @property
    def ranking(self) -> list[Point]:
        """Complete trials, the one that the model of all trials prefers first."""
        complete = {point.number: point for point in self.points if point.kind == "complete"}
        found = expect(self.points, self.config.space())
        if isinstance(found, Expected):
            return [complete[number] for number, _ in found.ranking]
        return sorted(complete.values(), key=lambda point: -(point.value or 0.0))


def find_starting_points(
    database: Database, sources: Sequence[str], config: LaunchConfig, *, same_data: bool
) -> tuple[StartingPoint, ...]:
    """The best settings of other studies, as parameters of a new one; sources take turns.

    Args:
        database: The database, which holds studies that are named.
        sources: Names of studies, or files with a study that ``export`` wrote.
        config: The new study.
        same_data: Whether to accept studies of the same data set.

    Raises:
        UnknownStudy: If there is no study of that name.
        StudyFileError: If a file cannot be read, a study belongs to the same data set or to
            another method, or none of its settings fits.
    """
    found = [
        list(_of_source(_read(database, given), config, same_data=same_data)) for given in sources
    ]
    defaults = vector_key(canonical_vector(config.space().defaults, config.train))
    chosen: dict[object, StartingPoint] = {}
    for index in range(MOST_POINTS):
        for points in found:
            if index < len(points):
                vector = canonical_vector(points[index].params, config.train)
                if vector_key(vector) != defaults:  # they are the first trial anyway
                    chosen.setdefault(vector_key(vector), points[index])
    return tuple(chosen.values())[:MOST_POINTS]


def as_queued(
    points: Sequence[StartingPoint], defaults: Mapping[str, float]
) -> tuple[FrozenTrial, ...]:
    """The trials to queue: the default values, as always, and then the points."""
    if not points:
        return ()
    first = StartingPoint(params=defaults, origin="the default values")
    return tuple(
        create_trial(
            state=TrialState.WAITING,
            user_attrs={STARTING_ATTRIBUTE: point.origin},
            system_attrs={FIXED_ATTRIBUTE: dict(point.params)},
        )
        for point in (first, *points)
    )


def _read(database: Database, given: str) -> _Source:
    path = Path(given)
    if path.suffix.lower() in READERS:
        file = read_trial_file(path, Looked(names=()))
        points = [
            _point(number, trial, given) for number, trial in enumerate(file.trials) if trial
        ]
        return _Source(given=given, config=_config(given, file.config), points=points)
    view = read_study(database, given)
    points = [
        Point(
            number=trial.number,
            params=trial.params,
            value=trial.value,
            kind=trial.kind or "complete",
        )
        for trial in view.trials
        if trial.counted and trial.state in ("complete", "pruned")
    ]
    return _Source(given=given, config=_config(given, view.config), points=points)


def _point(number: int, trial: FoundTrial, given: str) -> Point:
    """A trial of a file; files of ``export`` hold numbers."""
    _, _, named = trial.place.partition("trial ")
    try:
        value = None if trial.value is None else float(trial.value)
        params = {name: float(item) for name, item in trial.params.items()}
    except (TypeError, ValueError) as error:
        raise StudyFileError(
            f"{given}: {trial.place} holds something else than numbers: export the study again"
        ) from error
    return Point(
        number=int(named) if named.isdecimal() else number,
        params=params,
        value=value,
        kind=KINDS[trial.outcome],
    )


def _config(given: str, stored: Mapping[str, Any] | None) -> LaunchConfig:
    if stored is None:
        raise StudyFileError(
            f"--start-from {given} does not say what its trials ran: give a study, or a JSON, JSON"
            " Lines or SQLite file that export wrote"
        )
    if (known := known_config(stored)) is None:
        raise StudyFileError(
            f"--start-from {given} is of another version, with settings that this one does not"
            " know: give another study"
        )
    return known


def _of_source(
    source: _Source, config: LaunchConfig, *, same_data: bool
) -> Iterator[StartingPoint]:
    """The points of a source, the best first.

    Raises:
        StudyFileError: If it is of no use.
    """
    theirs, ours = source.config.train, config.train
    if _data_of(theirs) == _data_of(ours) and not same_data:
        raise StudyFileError(
            f"--start-from {source.given}: its data set is {ours.data.name}, too, so its best"
            " trials were chosen on the labels of the same images; give a study of other data, or"
            " --same-data if that is what you want"
        )
    if theirs.method.name != ours.method.name:
        raise StudyFileError(
            f"--start-from {source.given}: its method is {theirs.method.name}, and this search's"
            f" is {ours.method.name}; give a study of the same method"
        )
    if len(theirs.data.modalities) != len(ours.data.modalities):
        raise StudyFileError(
            f"--start-from {source.given}: it has {len(theirs.data.modalities)} modalities, and"
            f" this search has {len(ours.data.modalities)}; give a study with as many"
        )
    meaning, unfit, given = Meaning(space=config.space(), train=ours), "", 0
    for point in source.ranking:
        try:
            params = _moved(point, theirs, meaning, ours)
        except ConfigError as error:
            unfit = unfit or f"trial {point.number}: {error}"
            continue
        yield StartingPoint(
            params=params,
            origin=f"trial {point.number} of {source.given} (data set {theirs.data.name})",
        )
        given += 1
        if given == MOST_POINTS:
            return
    if not given:
        raise StudyFileError(
            f"--start-from {source.given}: no complete trial fits the search space"
            f"{f' ({unfit})' if unfit else ''}; give another study"
        )


def _data_of(train: TrainConfig) -> tuple[str, str | None]:
    """The data set; that of a folder is its place."""
    name = train.data.name
    return name, str(train.data.root) if name in FOLDERS else None


def _moved(
    point: Point, theirs: TrainConfig, meaning: Meaning, ours: TrainConfig
) -> dict[str, float]:
    """The point's parameters in the new space; modalities correspond by their order.

    Raises:
        ConfigError: If the space does not hold them.
    """
    vector = vector_of(point.params, theirs)
    names = dict(zip(theirs.data.modalities, ours.data.modalities, strict=True))
    moved = {}
    for name, value in vector.items():
        modality, dot, ending = name.partition(".")
        moved[f"{names[modality]}.{ending}" if dot and modality in names else name] = value
    for setting in TRIAL_SETTINGS:
        moved[setting] = float(getattr(ours.training, setting))
    return meaning.from_vector(moved)
