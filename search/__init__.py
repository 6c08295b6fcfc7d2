"""The search: its space, sampler, pruners, driver, workers and command line.

``open_study`` and ``load_results`` read a stored study from a notebook or a script.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search.results import load_results, open_study

__all__ = ["load_results", "open_study"]


def __getattr__(name: str) -> Any:
    """Import what is asked for: every command imports this module, and needs neither."""
    if name in __all__:
        from search import results  # lazily: see above

        return getattr(results, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
