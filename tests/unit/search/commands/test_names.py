"""Flags with several names."""

import pytest

from search.commands.flag_groups import FeatureFlags
from search.commands.names import one_of, split_names
from search.errors import SettingsError


@pytest.mark.parametrize("text", ["rgb,depth", "rgb, depth", " rgb ,\tdepth "])
def test_spaces_around_names_do_not_count(text: str) -> None:
    assert split_names("--rows", text) == ["rgb", "depth"]
    assert FeatureFlags(modalities=text).settings()["data.modalities"] == ["rgb", "depth"]


@pytest.mark.parametrize("text", ["", " ", ",", "rgb,", "rgb,,depth", ", rgb"])
def test_an_empty_name_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"--rows .* has an empty name: separate names") as no:
        split_names("--rows", text)
    assert "\n" not in str(no.value)
    with pytest.raises(SettingsError, match="--modalities "):
        FeatureFlags(modalities=text).settings()


def test_a_choice_is_listed_in_words() -> None:
    assert one_of(["a", "b"]) == "a, or b"
    assert one_of(["a", "b", "c"]) == "a, b, or c"
