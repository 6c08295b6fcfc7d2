"""Settings of ``[method]`` that have become options of single methods; old files still work.

Every method used to have all of them, whether it read them or not, so resolved configurations in
older studies and checkpoints contain them all.
"""

from collections.abc import Collection, Mapping
from typing import Any

from trainer.errors import ConfigError

__all__ = ["FORMER_SETTINGS", "with_present_names"]

FORMER_SETTINGS = ("msn", "msn_residual", "pre_norm", "cmh", "anchor", "target_dropout")
#: The methods that existed then.
FORMER_METHODS = ("stego", "unim2")


def with_present_names(
    table: Mapping[str, Any], method: str, options: Collection[str]
) -> dict[str, Any]:
    """The table ``[method]`` with its former settings moved to the options.

    A setting that ``stego`` or ``unim2`` does not read never had an effect and is dropped. A
    setting that a newer method does not have stays in place, to be refused.

    Args:
        table: The table; its ``options``, if present, are a table.
        method: Name of the method.
        options: Names of the method's own options.

    Raises:
        ConfigError: If a setting is given under both names.
    """
    former = {key: value for key, value in table.items() if key in FORMER_SETTINGS}
    given = table.get("options", {})
    for key in former.keys() & given.keys():
        raise ConfigError(
            f"method.{key} is the former name of method.options.{key}: give one of them"
        )
    moved = {key: value for key, value in former.items() if key in options}
    gone = former if method in FORMER_METHODS else moved
    kept = {key: value for key, value in table.items() if key not in gone}
    return {**kept, "options": {**given, **moved}}
