"""The printer for a dry run: what a launch would do and cost, as tables."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from search.planning.dry_run import DryRun
from search.reporting.digest import number_text
from trainer.console.durations import about_text, duration_text
from trainer.console.sizes import bytes_text

__all__ = ["plan"]


def plan(run: DryRun) -> RenderableType:
    """The settings, the search, its cost, and what it reads and writes."""
    sections = (
        ("settings", list(run.layers.said())),
        ("search", _search(run)),
        ("cost", _cost(run)),
        ("reads", _reads(run)),
        ("writes", _writes(run)),
    )
    parts: list[RenderableType] = [Text(f"study {run.study}: dry run, nothing is written")]
    for title, lines in sections:
        parts += [Text(), Text(title, style="bold"), Padding(_pairs(lines), (0, 0, 0, 2))]
    return Group(*parts, Text(), _space(run))


def _search(run: DryRun) -> list[tuple[str, str]]:
    search, train = run.config.search, run.config.train
    return [
        (
            "trials",
            f"{search.trials}, each with {train.training.iterations} iterations and"
            f" {run.evaluations} evaluations on val unless pruned",
        ),
        ("method", f"{train.method.name} on {', '.join(train.data.modalities)}"),
        ("objective", _objective(run)),
        ("sampler", f"{search.sampler}, seed {search.seed}"),
        ("pruner", f"{search.pruner}, besides the collapse rules"),
        ("workers", _workers(run)),
    ]


def _objective(run: DryRun) -> str:
    objective = run.config.objective()
    made = objective.value_text(run.config.train.evaluation.report)
    return f"{objective.name}: {objective.title}, {made}"


def _workers(run: DryRun) -> str:
    machine = run.options.machine
    place = f"on GPU {', '.join(machine.gpus)}" if machine.gpus else "on CPU cores"
    held = "; ".join(f"{name} is held by {holder}" for name, holder in run.held.items())
    notes = "; ".join(text for text in (held, "" if machine.gpus else run.quota) if text)
    slots = "" if machine.slots == 1 else f", each with {machine.slots} slots"
    if run.options.measure_slots:
        slots = ", each with as many slots as the launch finds best"
    return f"{machine.workers} {place}{slots}" + (f" ({notes})" if notes else "")


def _cost(run: DryRun) -> list[tuple[str, str]]:
    costs = run.costs
    lines = [
        (
            "time",
            f"at most about {about_text(run.seconds)}: {duration_text(run.trial_seconds)} for a"
            f" trial that is not pruned, {run.at_once} at a time; plus the time to compute the"
            " features, if they are not cached",
        ),
        (
            "measured",
            f"just now, on random features: {costs.steps} iterations{_of_slots(costs.slots)} of"
            f" {1000 * costs.iteration_seconds:.0f} ms, one evaluation of"
            f" {costs.evaluation_seconds:.2f} s",
        ),
        ("memory", _memory(run)),
        (
            "disk",
            f"{bytes_text(run.dataset_summary.cache_bytes)} for features{_kept(run)}"
            f" ({bytes_text(run.cache_free)} free),"
            f" at most {bytes_text(run.checkpoint_bytes)} for checkpoints"
            f" ({bytes_text(run.checkpoints_free)} free)",
        ),
    ]
    if costs.gpu_bytes is not None:
        lines.insert(3, ("GPU memory", f"about {bytes_text(costs.gpu_bytes)} per worker"))
    return lines


def _kept(run: DryRun) -> str:
    kept = run.dataset_summary.kept_bytes
    return f" and {bytes_text(kept)} for images computed from files" if kept else ""


def _of_slots(slots: int) -> str:
    return "" if slots == 1 else f" in {slots} slots"


def _memory(run: DryRun) -> str:
    each, workers = run.costs.worker_bytes, run.options.machine.workers
    text = (
        f"about {bytes_text(each)} per worker, measured in the same run;"
        f" {bytes_text(run.memory)} available"
    )
    if each * workers <= run.memory:
        return text
    fewer = f"give --workers {max(1, run.memory // each)}"
    if run.costs.slots > 1:
        fewer += " or fewer --slots"
    return f"{text}, too little for {workers} workers: {fewer}"


def _reads(run: DryRun) -> list[tuple[str, str]]:
    dataset_summary, train = run.dataset_summary, run.config.train
    images = ", ".join(f"{count} {split}" for split, count in dataset_summary.images.items())
    where = (
        "generated, no files"
        if dataset_summary.root is None
        else f"{dataset_summary.files} files in {dataset_summary.root}"
    )
    weights = "" if train.backbone.name == "patch-stats" else f", weights {train.backbone.weights}"
    return [
        ("data", f"{train.data.name}, {where}: {images} images, {dataset_summary.crops} crops"),
        *(("note", note) for note in run.notes),
        ("backbone", f"{train.backbone.name}{weights}: {dataset_summary.channels} channels"),
    ]


def _writes(run: DryRun) -> list[tuple[str, str]]:
    return [
        ("database", f"{run.storage} (not opened by a dry run)"),
        ("features", f"{run.options.paths.cache}, unless already cached"),
        ("checkpoints", str(run.options.paths.checkpoints)),
    ]


def _pairs(lines: list[tuple[str, str]]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for name, text in lines:
        table.add_row(name, Text(text))
    return table


def _space(run: DryRun) -> RenderableType:
    count = len(run.space.hyper_parameters)
    title = Text(f"search space {run.config.search.space}: {count} hyper-parameters")
    table = Table(box=None, padding=(0, 3, 0, 0), pad_edge=False, header_style="dim")
    for column in ("name", "from", "to", "scale", "trial 0", ""):
        right = column in ("from", "to", "trial 0")
        table.add_column(column, justify="right" if right else "left", no_wrap=column != "")
    moved = run.config.moved_defaults()
    for parameter in run.space.hyper_parameters:
        outside = moved.get(parameter.name)
        note = "" if outside is None else f"default {number_text(outside)} is out of range"
        table.add_row(
            Text(parameter.name),
            f"{parameter.low:g}",
            f"{parameter.high:g}",
            "log" if parameter.log else "linear",
            number_text(parameter.default),
            Text(note or parameter.meaning, style="yellow" if note else "dim"),
        )
    for name, value in run.config.train.hyper.items():
        table.add_row(Text(name), "", "", "fixed", number_text(value), "")
    return Group(title, Padding(table, (0, 0, 0, 2)))
