"""``doctor``: check everything that a launch needs, and print the findings with their fixes."""

import json
from typing import Annotated

import typer
from rich.console import Console

from search.commands.ending import BAD_INPUT, one_line_errors, say_next
from search.commands.flag_groups import FeatureFlags, ResourceFlags, SourceFlags
from search.commands.grouping import given_flags, with_groups
from search.commands.options import JsonOption
from search.commands.storage_flags import StorageFlags

__all__ = ["doctor"]

DeepOption = Annotated[
    bool,
    typer.Option(
        "--deep", help="Also start Ray and an embedded PostgreSQL, to check that they run."
    ),
]


@one_line_errors
@with_groups
def doctor(
    *,
    source: SourceFlags,
    features: FeatureFlags,
    storage: StorageFlags,
    resources: ResourceFlags,
    deep: DeepOption = False,
    as_json: JsonOption = False,
) -> None:
    """Check the environment and suggest fixes."""
    address = storage.address()
    from search.commands.run_options import find_paths
    from search.config.configuration import resolve_layers
    from search.doctor import Subject, examine
    from search.reporting.doctor import check_json, findings

    layers = source.layers(features.settings())
    paths = find_paths(resources)
    groups = (source, features, storage, resources)
    subject = Subject(
        config=resolve_layers(layers),
        preset=layers.preset,
        given=tuple(
            (flag, str(value))
            for group in groups
            for flag, value in given_flags(group)
            if flag != "--ray"  # advice should not repeat a cluster that does not answer
        ),
        address=address,
        device=resources.device,
        workers=resources.workers,
        slots=resources.slot_count(),
        cache=paths.cache,
        checkpoints=paths.checkpoints,
        ray_address=resources.ray,
        deep=deep,
    )
    checks = examine(subject)
    passed = all(check.state != "failed" for check in checks)
    if as_json:
        table = {"preset": layers.preset, "ok": passed, "checks": list(map(check_json, checks))}
        typer.echo(json.dumps(table, indent=1))
    else:
        Console().print(findings(checks, layers.preset))
        if passed:
            say_next(subject.launch())
    if not passed:
        raise typer.Exit(BAD_INPUT)
