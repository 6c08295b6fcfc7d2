"""Optuna's own contract suite for samplers, on the one sampler class that is ours.

Our samplers are functions of the in-memory study; TPE's is a subclass that proposes for a trial
which is not stored yet. Everything else of it is Optuna's, and stays so.
"""

from collections.abc import Callable, Iterator

import optuna
import pytest
from optuna.samplers import BaseSampler
from optuna.testing.pytest_samplers import BasicSamplerTestCase, RelativeSamplerTestCase

from search import samplers
from search.samplers import gp, random, sobol, startup, tpe, tpe_univariate


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


class TestOneProposal(BasicSamplerTestCase, RelativeSamplerTestCase):
    """All cases for samplers that draw several parameters at once."""

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        """Makes the sampler as a proposal does: without start-up trials, with a seed."""
        return lambda: tpe.OneProposal(n_startup_trials=0, seed=5)


class TestEachOnItsOwn(BasicSamplerTestCase):
    """The cases for samplers that draw one parameter after the other."""

    @pytest.fixture
    def sampler(self) -> Callable[[], BaseSampler]:
        """Makes the sampler as a proposal does: without start-up trials, with a seed."""
        return lambda: tpe_univariate.EachOnItsOwn(n_startup_trials=0, seed=5, multivariate=False)


def test_no_other_sampler_class_is_ours() -> None:
    modules = (samplers, gp, random, sobol, startup, tpe, tpe_univariate)
    ours = {
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, BaseSampler)
        if kind.__module__.startswith("search.")
    }
    assert ours == {tpe.OneProposal, tpe_univariate.EachOnItsOwn}
