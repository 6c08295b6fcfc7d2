"""``schema``: print the JSON schema of configuration files."""

import json

import typer

__all__ = ["schema"]


def schema() -> None:
    """Print the JSON schema of configuration files, for editors that complete and check them."""
    from search.config.schema import configuration_schema  # slow: imports samplers and SciPy

    typer.echo(json.dumps(configuration_schema(), indent=1))
