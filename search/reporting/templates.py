"""Templates of HTML pages."""

from pathlib import Path

import jinja2

__all__ = ["load_template"]


def load_template(path: Path) -> jinja2.Template:
    """A template, which escapes everything and refuses names that it is not given."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(path.parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(path.name)
