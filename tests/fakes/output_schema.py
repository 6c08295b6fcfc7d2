"""Checks the JSON output of a command against the schema in the repository."""

import json
from pathlib import Path
from typing import Any

import jsonschema

__all__ = ["SCHEMA", "check_output"]

SCHEMA: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "docs/output.schema.json").read_text(encoding="utf-8")
)


def check_output(name: str, printed: Any) -> None:
    """Refuse output that does not match the command's definition.

    Args:
        name: The definition's name, usually the command's.
        printed: What it prints, as JSON or as what JSON is made of.
    """
    found = json.loads(printed if isinstance(printed, str) else json.dumps(printed))
    schema = {**SCHEMA, "$ref": f"#/$defs/{name}"}
    jsonschema.Draft202012Validator(schema).validate(found)
