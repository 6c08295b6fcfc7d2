"""No command ends because a terminal or a locale cannot express a character."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fakes.data_sets.pictures import noise, save
from tests.fakes.trainer_command import call_trainer

NAMES = ("köln ☃ 1", "köln ☃ 2", "köln ☃ 3")
RUN = """
[data]
name = "folder"
root = "{root}"
modalities = ["rgb"]
[features]
train_resolution = 16
eval_resolution = 32
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on images, classes and folders with names beyond ASCII and Latin-1."""
    root = tmp_path_factory.mktemp("größe ☃")
    for name in NAMES:
        save(root / f"farbe/{name}.png", noise(name, 0, 255, channels=3))
        save(root / f"labels/{name}.png", noise(name, 0, 1))
    (root / "farbe/übrig ☃.heic").touch()
    (root / "dataset.toml").write_text(
        'classes = ["böden ☃", "wände"]\n[modalities.rgb]\nfiles = "farbe/{name}.png"\n'
        '[labels]\nfiles = "labels/{name}.png"\n',
        encoding="utf-8",
    )
    (root / "run.toml").write_text(RUN.format(root=root), encoding="utf-8")
    return root / "run.toml"


POSIX = {"LC_ALL": "POSIX", "PYTHONUTF8": "0"}


def call(*arguments: object) -> subprocess.CompletedProcess[bytes]:
    """Call a command in a locale without any character beyond ASCII."""
    plain = {key: value for key, value in os.environ.items() if key not in ("LC_ALL", "LANG")}
    return subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        env={**plain, **POSIX},
        capture_output=True,
        check=False,
    )


def check_output(output: bytes) -> None:
    assert b"rig ?.heic" in output or b"rig ???.heic" in output
    assert b"nothing is wrong" not in output


def test_characters_are_replaced_in_the_posix_locale(config: Path, tmp_path: Path) -> None:
    done = call("trainer", "inspect", config, "--cache", tmp_path)

    assert done.returncode == 0, done.stderr
    assert b"UnicodeEncodeError" not in done.stderr
    check_output(done.stdout)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_characters_are_replaced(
    config: Path, tmp_path: Path, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = io.BytesIO()
    stream = io.TextIOWrapper(output, encoding=encoding, write_through=True)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        code = call_trainer("inspect", config, "--cache", tmp_path)

    assert code == 0
    check_output(output.getvalue())


@pytest.mark.parametrize("package", ["trainer", "search"])
def test_help_is_printed(package: str) -> None:
    done = call(package, "--help")

    assert done.returncode == 0 and b"UnicodeEncodeError" not in done.stderr


def test_a_name_that_cannot_be_expressed_is_one_line(tmp_path: Path) -> None:
    script = (
        "from trainer.console.terminal import any_terminal\n"
        "from pathlib import Path\n"
        "with any_terminal():\n"
        f"    Path({str(tmp_path / 'größe')!a}).open()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **POSIX},
        capture_output=True,
        check=False,
    )

    assert done.returncode == 2 and done.stderr.count(b"\n") == 1
    assert b"set PYTHONUTF8=1" in done.stderr
