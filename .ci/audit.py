"""Look every pinned package up for known vulnerabilities; fail where one was not looked up.

pip-audit says that no known vulnerabilities were found also when it could look at nothing. Here
every pin of constraints.txt has to be answered for: ``make audit``.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

PINS = Path(__file__).resolve().parents[1] / "constraints.txt"
PIN = re.compile(r"([A-Za-z0-9._-]+)==(\S+)")


def pinned(text: str) -> dict[str, str]:
    """The pinned versions by normalised names."""
    found = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        pin = PIN.fullmatch(line)
        if pin is None:
            raise SystemExit(f"{PINS.name} has the line {line!r}, which pins nothing: fix it")
        found[normalised(pin[1])] = pin[2]
    return found


def faults(report: dict[str, Any], pins: dict[str, str]) -> list[str]:
    """What is wrong, a line each: packages with vulnerabilities, and those not looked up."""
    answers = {normalised(each["name"]): each for each in report["dependencies"]}
    lines = []
    for name, version in sorted(pins.items()):
        answer = answers.get(name, {"skip_reason": "pip-audit does not mention it"})
        if "skip_reason" in answer:
            lines.append(f"{name} {version} was not looked up: {answer['skip_reason']}")
        elif answer["version"] != version:
            lines.append(f"{name} {version} was not looked up, but {answer['version']}")
        for found in answer.get("vulns", ()):
            fixed = ", ".join(found["fix_versions"]) or "no version yet"
            lines.append(f"{name} {version} has {found['id']}, fixed in {fixed}")
    return lines


def normalised(name: str) -> str:
    """A package's name as all its spellings have it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> int:
    """Audit all pins; the exit status is 0 only if each was looked up and none is at fault."""
    pins = pinned(PINS.read_text(encoding="utf-8"))
    command = ["--requirement", str(PINS), "--no-deps", "--disable-pip", "--format", "json"]
    done = subprocess.run(
        [sys.executable, "-m", "pip_audit", *command, "--progress-spinner", "off"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    try:
        report = json.loads(done.stdout)
    except ValueError:
        print(f"the audit was not made: pip-audit ended with {done.returncode}, see above")
        return 2
    lines = faults(report, pins)
    print("\n".join(lines or [f"{len(pins)} packages looked up, no known vulnerability"]))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
