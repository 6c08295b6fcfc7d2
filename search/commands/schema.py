"""``schema``: the JSON schema of configuration files, for editors that complete and check them."""

import json

import typer

__all__ = ["schema"]


def schema() -> None:
    """Print the JSON schema of configuration files, for editors to complete and check them."""
    from search.config.schema import configuration_schema  # brings samplers and SciPy

    typer.echo(json.dumps(configuration_schema(), indent=1))
