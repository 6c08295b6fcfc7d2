"""Samplers of OptunaHub, with a stand-in for its library, and with the library if it is there."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from search.driver.in_memory_study import InMemoryStudy
from search.errors import SettingsError
from search.records.outcome import Pruned
from search.samplers import find_sampler, hub, load_sampler
from search.samplers.startup import startup_point
from tests.unit.search.builders import SPACE, add_finished, random_params

ONE = """
from optuna.samplers import RandomSampler

class One(RandomSampler):
    def __init__(self, *, seed=None, n_startup_trials=10):
        assert n_startup_trials == 0
        super().__init__(seed=seed)

    def infer_relative_search_space(self, study, trial):
        return {"lambda_self": trial.distributions.get("lambda_self")}

    def sample_relative(self, study, trial, search_space):
        complete = study.get_trials(deepcopy=False)[:-1]
        assert {each.state.name for each in complete} == {"COMPLETE"}
        return {"lambda_self": max(each.value for each in complete) / 100}
"""
TWO = "from optuna.samplers import RandomSampler\nclass A(RandomSampler): pass\nclass B(A): pass\n"
NEEDY = """
from optuna.samplers import RandomSampler
class Needy(RandomSampler):
    def __init__(self, space_file): ...
"""
HUNGRY = "import not_installed_anywhere"


@pytest.fixture
def registry(tmp_path: Path) -> Callable[[str, str], None]:
    def write(name: str, text: str) -> None:
        folder = tmp_path / "samplers" / name
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(text)

    return write


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A stand-in that loads local packages as the library does, and has no network."""

    class GitError(Exception):
        pass

    class GithubException(Exception):
        pass

    def load_local_module(package: str, *, registry_root: str) -> ModuleType:
        name = f"optunahub_registry.package.{package.replace('/', '.')}"
        place = Path(registry_root) / package / "__init__.py"
        spec = importlib.util.spec_from_file_location(name, place)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        return module

    def load_module(package: str) -> ModuleType:
        raise GitError("Could not resolve\n host")

    made = ModuleType("optunahub")
    made.__spec__ = importlib.util.spec_from_loader("optunahub", loader=None)
    vars(made).update(load_local_module=load_local_module, load_module=load_module)
    git = ModuleType("git")
    vars(git)["exc"] = ModuleType("git.exc")
    vars(git)["exc"].GitError = GitError
    github = SimpleNamespace(GithubException=GithubException)
    for name, module in (
        ("optunahub", made),
        ("git", git),
        ("git.exc", vars(git)["exc"]),
        ("github", github),
    ):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setenv(hub.FOLDER_VARIABLE, str(tmp_path))
    yield made


def searched() -> InMemoryStudy:
    memory = InMemoryStudy("study")
    for number in range(25):
        outcome = Pruned(kind="collapsed", reason="why") if number % 5 == 3 else None
        add_finished(memory, [float(number)] * 2, outcome, random_params(number))
    return memory


@pytest.mark.usefixtures("library")
def test_a_package_proposes_from_a_study_of_complete_trials(
    registry: Callable[[str, str], None],
) -> None:
    registry("one", ONE)
    sampler = find_sampler("hub:one")
    assert sampler(searched().study, SPACE, 3, 7) == startup_point(SPACE, 3, 7)
    proposed = sampler(searched().study, SPACE, 25, 7)
    assert SPACE.check(proposed) == proposed
    assert proposed["lambda_self"] == pytest.approx(0.24)
    assert sampler(searched().study, SPACE, 25, 7) == proposed
    assert sampler(searched().study, SPACE, 26, 7) != proposed


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("two", TWO, r"holds 2 samplers \(A, B\)"),
        ("hungry", HUNGRY, "needs not_installed_anywhere: install that"),
    ],
)
def test_a_package_that_cannot_be_used_is_one_line(
    registry: Callable[[str, str], None], name: str, text: str, reason: str
) -> None:
    registry(name, text)
    with pytest.raises(SettingsError, match=reason):
        load_sampler(f"hub:{name}")


@pytest.mark.usefixtures("library")
def test_a_package_that_needs_settings_is_refused(registry: Callable[[str, str], None]) -> None:
    registry("needy", NEEDY)
    with pytest.raises(SettingsError, match=r"does not have \(space_file\)"):
        find_sampler("hub:needy")(searched().study, SPACE, 25, 7)


@pytest.mark.usefixtures("library")
def test_a_missing_folder_and_a_missing_network_are_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SettingsError, match=r"has no folder samplers/nowhere"):
        load_sampler("hub:nowhere")
    monkeypatch.delenv(hub.FOLDER_VARIABLE)
    with pytest.raises(
        SettingsError, match=r"GitError: Could not resolve host\): check the name and the network"
    ):
        load_sampler("hub:unreachable")


def test_without_the_library_one_line_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find_sampler("hub:turbo")  # a reader of a study needs no library
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"run `pip install .* '\.\[hub\]'`"):
        load_sampler("hub:turbo")


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("folder", [True, False])
def test_a_missing_program_git_is_one_line(
    registry: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    folder: bool,
) -> None:
    """GitPython cannot be imported then."""
    registry("one", ONE)
    package = tmp_path / "packages" / "git"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "raise ImportError('Failed to initialize: Bad git executable.\\nThe git executable must')"
    )
    monkeypatch.syspath_prepend(package.parent)
    for name in ("git", "git.exc"):
        monkeypatch.delitem(sys.modules, name)
    if not folder:
        monkeypatch.delenv(hub.FOLDER_VARIABLE)
    with pytest.raises(SettingsError, match=r"\(Failed to initialize: Bad git exec") as caught:
        load_sampler("hub:one")
    assert "GIT_PYTHON_REFRESH=quiet" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_that_no_package_has_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"is not the name of an Opt.+ such as hub:turbo"):
        find_sampler("hub:../turbo")


@pytest.mark.skipif(
    importlib.util.find_spec("optunahub") is None, reason="the extra hub is not installed"
)
def test_the_library_loads_a_package_of_a_folder(
    registry: Callable[[str, str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry("library_one", ONE)
    monkeypatch.setenv(hub.FOLDER_VARIABLE, str(tmp_path))
    proposed = find_sampler("hub:library_one")(searched().study, SPACE, 25, 7)
    assert SPACE.check(proposed) == proposed
