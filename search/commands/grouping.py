"""Groups of flags: a record declares them once, and commands take the whole record."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from typer.models import OptionInfo

__all__ = ["given_flags", "with_groups"]


def with_groups(command: Callable[..., None]) -> Callable[..., None]:
    """Replace each parameter that is a group of flags by one parameter per flag.

    Args:
        command: A function; some of its parameters are dataclasses of annotated options.

    Returns:
        The function with the signature that Typer reads.
    """
    hints = get_type_hints(command, include_extras=True)
    groups: dict[str, type[Any]] = {
        name: hint
        for name, hint in hints.items()
        if isinstance(hint, type) and dataclasses.is_dataclass(hint)
    }
    expanded: list[inspect.Parameter] = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name in groups:
            expanded += _parameters(groups[parameter.name])
        else:
            hint = hints[parameter.name]
            kind = inspect.Parameter.KEYWORD_ONLY
            expanded.append(parameter.replace(annotation=hint, kind=kind))

    @functools.wraps(command)
    def run(**values: Any) -> None:
        records = {name: _taken(group, values) for name, group in groups.items()}
        command(**records, **values)

    signature = inspect.Signature(expanded, return_annotation=None)
    annotations = {parameter.name: parameter.annotation for parameter in expanded}
    # Typer reads both, and neither can be set when a function is defined.
    vars(run).update(__signature__=signature)
    run.__annotations__ = annotations
    return run


def given_flags(group: Any) -> Iterator[tuple[str, Any]]:
    """The flags of a group that differ from their defaults, with their values."""
    options = get_type_hints(type(group), include_extras=True)
    for field in dataclasses.fields(group):
        value = getattr(group, field.name)
        if value != field.default:
            yield _flag(field.name, options[field.name]), value


def _parameters(group: type[Any]) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=hints[field.name],
        )
        for field in dataclasses.fields(group)
    ]


def _taken(group: type[Any], values: dict[str, Any]) -> Any:
    """Build the record, and remove its values from ``values``."""
    names = [field.name for field in dataclasses.fields(group)]
    return group(**{name: values.pop(name) for name in names})


def _flag(name: str, hint: Any) -> str:
    """The flag of a field: the name that its option declares, or else the field's name."""
    usual = f"--{name.replace('_', '-')}"
    if get_origin(hint) is Annotated:
        for extra in get_args(hint)[1:]:
            if isinstance(extra, OptionInfo):
                # Inside Annotated, Typer keeps an option's first name in ``default``.
                names = (extra.default, *(extra.param_decls or ()))
                return next((str(name) for name in names if str(name).startswith("--")), usual)
    return usual
