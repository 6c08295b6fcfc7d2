"""``schema``: the JSON schema of configuration files, for editors that complete and check them."""

import json

from search.config.schema import configuration_schema

__all__ = ["schema_text"]


def schema_text() -> str:
    """The schema as JSON, without the last line's end."""
    return json.dumps(configuration_schema(), indent=1)
