"""``init``: its files, its output and its refusals."""

import resource
import shlex
from pathlib import Path

import pytest

from tests.unit.trainer.drafting.layouts import LAYOUTS
from trainer.commands.init import describe_folder
from trainer.commands.setup import read_config
from trainer.errors import ConfigError


@pytest.fixture
def lines() -> list[str]:
    """The printed lines."""
    return []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images with labels."""
    root = tmp_path / "my images"
    LAYOUTS["a folder for each kind"].make(root)
    return root


def test_the_next_command_is_printed_to_be_pasted(folder: Path, lines: list[str]) -> None:
    assert describe_folder(folder, out=None, printed=False, say=lines.append)

    _, _, command = lines[-1].partition("next: ")
    assert shlex.split(command)[2:6] == ["search", "launch", "--data", str(folder)]
    assert read_config(folder).data.modalities == ("rgb", "thermal")


def test_a_description_is_never_overwritten(folder: Path, lines: list[str]) -> None:
    file = folder / "dataset.toml"
    file.write_text("mine", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"is not overwritten: edit it.*--out; --print shows"):
        describe_folder(folder, out=None, printed=False, say=lines.append)

    assert file.read_text(encoding="utf-8") == "mine"


def test_a_full_disk_leaves_no_half_of_a_description(folder: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill_the_disk(line: str) -> None:
        """Called when all has been read, before the file is written."""
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, before[1]))

    try:
        with pytest.raises(ConfigError, match="cannot write"):
            describe_folder(folder, out=None, printed=False, say=fill_the_disk)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert not (folder / "dataset.toml").exists()


def test_printing_writes_no_file(
    folder: Path, lines: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "dataset.toml").write_text("mine", encoding="utf-8")

    assert describe_folder(folder, out=None, printed=True, say=lines.append)

    assert "[modalities.rgb]" in capsys.readouterr().out
    assert (folder / "dataset.toml").read_text(encoding="utf-8") == "mine"


def test_the_file_may_be_written_elsewhere(folder: Path, tmp_path: Path, lines: list[str]) -> None:
    out = tmp_path / "mine.toml"

    assert describe_folder(folder, out=out, printed=False, say=lines.append)

    assert not (folder / "dataset.toml").exists()
    assert lines[-1].endswith(f"--data {out} --trials 200")
    assert read_config(out).data.modalities == ("rgb", "thermal")


def test_images_without_labels_are_searched_without_them(tmp_path: Path, lines: list[str]) -> None:
    LAYOUTS["accents and blanks"].make(tmp_path)

    assert describe_folder(tmp_path, out=None, printed=False, say=lines.append)

    next_command = f"launch --data {tmp_path} --objective label-free --trials 200"
    assert f"next: python -m search {next_command}" in lines
    assert any("check: classes: there are no labels" in line for line in lines)


def test_errors_that_training_would_refuse_are_printed_with_the_command_that_shows_them(
    folder: Path, lines: list[str]
) -> None:
    (folder / "RGB/0003.jpg").write_bytes(b"")
    (folder / "annotations/0005.png").unlink()

    assert not describe_folder(folder, out=None, printed=False, say=lines.append)

    said = "\n".join(lines)
    assert "fault (unreadable)" in said and "0003.jpg" in said
    assert "fault (missing)" in said and "0005" in said
    assert lines[-1].startswith("next: python -m trainer inspect ")


@pytest.mark.parametrize("place", ["none", "none/mine.toml"])
def test_a_place_that_is_not_there_is_refused(
    place: str, folder: Path, tmp_path: Path, lines: list[str]
) -> None:
    given = tmp_path / place
    with pytest.raises(ConfigError, match=r"is not a folder: give the folder|in no folder: make"):
        if given.suffix:
            describe_folder(folder, out=given, printed=False, say=lines.append)
        else:
            describe_folder(given, out=None, printed=False, say=lines.append)
