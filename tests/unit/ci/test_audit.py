"""The audit fails when a package was not looked up, which pip-audit itself calls a success."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[3] / ".ci" / "audit.py"
PINS = {"safetensors": "0.8.0", "pyyaml": "6.0.3"}


@pytest.fixture
def audit() -> Any:
    spec = importlib.util.spec_from_file_location("audit", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def looked_up(name: str, version: str, *vulns: Any) -> dict[str, Any]:
    return {"name": name, "version": version, "vulns": list(vulns)}


SOUND = [looked_up("safetensors", "0.8.0"), looked_up("PyYAML", "6.0.3")]


def test_all_looked_up_and_sound(audit: Any) -> None:
    assert audit.faults({"dependencies": SOUND}, PINS) == []


@pytest.mark.parametrize(
    ("dependencies", "message"),
    [
        ([], "pip-audit does not mention it"),
        (SOUND[:1], "pyyaml 6.0.3 was not looked up: pip-audit does not mention it"),
        ([SOUND[0], {"name": "pyyaml", "skip_reason": "not on PyPI"}], "not on PyPI"),
        ([SOUND[0], looked_up("pyyaml", "6.0.2")], "was not looked up, but 6.0.2"),
        (
            [SOUND[0], looked_up("pyyaml", "6.0.3", {"id": "CVE-1", "fix_versions": ["6.1"]})],
            "pyyaml 6.0.3 has CVE-1, fixed in 6.1",
        ),
    ],
)
def test_skipped_and_vulnerable_packages_are_reported(
    audit: Any, dependencies: list[Any], message: str
) -> None:
    lines = audit.faults({"dependencies": dependencies}, PINS)
    assert lines and message in "\n".join(lines)


def test_an_audit_that_did_not_run_is_not_a_success(
    audit: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit.sys, "executable", "/bin/false")
    assert audit.main() == 2
    assert "the audit was not made" in capfd.readouterr().out


def test_every_line_of_the_constraints_is_a_pin(audit: Any) -> None:
    pins = audit.pinned(audit.PINS.read_text())
    assert len(pins) > 100 and pins["ray"] == "2.60.0"
    with pytest.raises(SystemExit, match="pins nothing"):
        audit.pinned("ray>=2")
