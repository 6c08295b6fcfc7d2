"""Samplers of OptunaHub by name: ``hub:turbo`` is the registry's package ``samplers/turbo``.

The extra ``hub`` installs the library that loads them. It downloads a package when it is first
used and keeps it. Where the variable ``UMSS_HUB`` names a folder with the registry's packages
(``samplers/NAME/``), they are loaded from there and nothing is downloaded: so every node has the
same version, and none needs the network.

As for every sampler here, each trial has a new one, with a seed of its own: a package that keeps
what it learned in its own variables, instead of reading it from the study, starts anew each time.
It sees the study as ``gp`` does (``completed.py``).
"""

import functools
import importlib.util
import inspect
import os
import re
import warnings
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import optuna
from optuna.samplers import BaseSampler

from search.errors import SettingsError
from search.samplers import HUB_PREFIX, random
from search.samplers.completed import completed_view
from search.samplers.optuna_seed import optuna_seed
from search.samplers.startup import STARTUP_TRIALS, startup_point
from search.spaces import Space
from trainer.console.shell import install_command, shell_text

if TYPE_CHECKING:
    from search.samplers import Sampler

__all__ = ["FOLDER_VARIABLE", "HUB_NAMES", "hub_sampler", "load"]

#: Pattern of the names.
HUB_NAMES = f"^{HUB_PREFIX}[a-z0-9_]+$"
#: Environment variable: a folder with the registry's packages.
FOLDER_VARIABLE = "UMSS_HUB"
LIBRARY = "optunahub"


def hub_sampler(name: str) -> "Sampler":
    """The sampler of that name; it is loaded when it first proposes.

    Raises:
        SettingsError: If no package can have the name.
    """
    if not re.fullmatch(HUB_NAMES, name):
        raise SettingsError(
            f"--sampler {name} is not the name of an OptunaHub package: give hub: and the last"
            " part of its address, such as hub:turbo"
        )

    def propose(study: optuna.Study, space: Space, number: int, seed: int) -> dict[str, float]:
        if number < STARTUP_TRIALS:
            return startup_point(space, number, seed)
        found = completed_view(study, space, number)
        if found is None:
            return random.propose(study, space, number, seed)
        view, own = found
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a package's own; users of a search cannot act on it
            sampler = _new(load(name), name, space, optuna_seed(seed, number))
            together = sampler.infer_relative_search_space(view, own)
            proposed = sampler.sample_relative(view, own, together)
            for each, distribution in space.distributions.items():
                if each not in proposed:
                    proposed[each] = sampler.sample_independent(view, own, each, distribution)
        return space.check(proposed)

    return propose


def load(name: str) -> type[BaseSampler]:
    """The class of the sampler.

    Raises:
        SettingsError: If the library or the package cannot be loaded, or the package does not
            hold exactly one sampler.
    """
    if importlib.util.find_spec(LIBRARY) is None:
        raise SettingsError(
            f"--sampler {name} needs the library {LIBRARY}: run"
            f" `{shell_text(install_command('hub'))}`, or choose another sampler"
        )
    module = _module(name, os.environ.get(FOLDER_VARIABLE))
    kinds = [
        kind
        for key, kind in vars(module).items()
        if isinstance(kind, type)
        and issubclass(kind, BaseSampler)
        and (kind.__module__.startswith(module.__name__) or key in getattr(module, "__all__", ()))
    ]
    if len(kinds) != 1:
        shown = ", ".join(kind.__name__ for kind in kinds) or "none"
        raise SettingsError(
            f"--sampler {name}: its package holds {len(kinds)} samplers ({shown}), and this search"
            " takes packages with one: choose another sampler"
        )
    return kinds[0]


@functools.cache
def _module(name: str, folder: str | None) -> ModuleType:
    """The package, from the folder or else from the registry.

    Raises:
        SettingsError: If it cannot be loaded.
    """
    try:
        # lazily: the library and what it needs are optional
        import git.exc
        import github
        import optunahub
    except ImportError as error:  # also of an installed GitPython, where the program is missing
        raise SettingsError(
            f"--sampler {name}: the library {LIBRARY} cannot be imported ({_line(error):.80}):"
            " install what is missing, or choose another sampler; without the program git, set"
            " GIT_PYTHON_REFRESH=quiet"
        ) from error
    package = f"samplers/{name.removeprefix(HUB_PREFIX)}"
    try:
        if folder is None:
            return _checked(optunahub.load_module(package))
        if not (Path(folder) / package).is_dir():
            raise SettingsError(
                f"--sampler {name}: {FOLDER_VARIABLE}={folder} has no folder {package}: copy the"
                " package there, or unset the variable to download it"
            )
        return _checked(optunahub.load_local_module(package, registry_root=folder))
    except ImportError as error:
        raise SettingsError(
            f"--sampler {name}: its package needs {error.name or error}: install that, or choose"
            " another sampler"
        ) from error
    except (git.exc.GitError, github.GithubException, OSError) as error:
        raise SettingsError(
            f"--sampler {name} cannot be loaded from OptunaHub ({type(error).__name__}:"
            f" {_line(error):.120}): check the name and the network, or set {FOLDER_VARIABLE} to a"
            f" folder that holds {package}"
        ) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _checked(module: Any) -> ModuleType:
    assert isinstance(module, ModuleType)
    return module


def _new(kind: type[BaseSampler], name: str, space: Space, seed: int) -> BaseSampler:
    """A new sampler, with the seed and without start-up trials of its own where it has them.

    Raises:
        SettingsError: If it needs settings that a search does not have.
    """
    offered: dict[str, Any] = {
        "seed": seed,
        "n_startup_trials": 0,
        "search_space": dict(space.distributions),
    }
    wanted = inspect.signature(kind).parameters
    needed = [
        each.name
        for each in wanted.values()
        if each.default is each.empty
        and each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
        and each.name not in offered
    ]
    if needed:
        raise SettingsError(
            f"--sampler {name} needs settings that a search does not have ({', '.join(needed)}):"
            " choose another sampler"
        )
    return kind(**{key: value for key, value in offered.items() if key in wanted})
