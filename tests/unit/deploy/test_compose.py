"""The compose file: one way in, no visible secret, and no access of workers to the database."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from storage.address import parse_address

REPOSITORY = Path(__file__).parents[3]
DEPLOY = REPOSITORY / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ENDING = {"roles", "search"}  # these do their work and end
RAY = {"ray-head", "worker", "gpu-worker", "search"}
OTHERS_PROGRAMS = {"pg_isready", "ray"}  # of a health check, in the service's image

services = pytest.mark.parametrize("name", SERVICES)


def environment(name: str) -> dict[str, str]:
    return dict(SERVICES[name].get("environment", {}))


def script(name: str) -> Path:
    program: str = SERVICES[name]["command"][0]
    return DEPLOY / program


@services
def test_each_command_is_a_script(name: str) -> None:
    assert os.access(script(name), os.X_OK)
    assert "entrypoint" not in SERVICES[name]


@services
def test_each_variable_is_described_in_its_script(name: str) -> None:
    comments = script(name).read_text().partition("set -euo pipefail")[0]
    for variable in environment(name):
        assert re.search(rf"\b{variable}\b", comments), (name, variable)


@services
def test_only_the_proxy_is_published(name: str) -> None:
    service = SERVICES[name]
    assert ("ports" in service) == (name == "proxy")
    assert "network_mode" not in service and "privileged" not in service
    assert service["networks"], "the default network is everybody's"
    outside = {net for net in service["networks"] if not is_internal(net)}
    assert outside <= ({"outside"} if name == "proxy" else {"cluster"})


def is_internal(network: str) -> bool:
    return bool((COMPOSE["networks"][network] or {}).get("internal"))


def test_the_proxy_is_published_on_loopback_by_default() -> None:
    assert SERVICES["proxy"]["ports"] == ["${PUBLISH:-127.0.0.1:8080}:8443"]


@services
def test_secrets_come_from_files(name: str) -> None:
    given = set(SERVICES[name].get("secrets", []))
    used = set()
    for variable, value in environment(name).items():
        if re.search("PASSWORD|TOKEN|SECRET|KEY", variable):
            assert variable.endswith(("_FILE", "_PATH")), f"{name} has {variable} on show"
            assert value.startswith("/run/secrets/")
            used.add(value.removeprefix("/run/secrets/"))
        if variable == "DATABASE":
            assert parse_address(value).kind == "postgresql"  # refuses a password in it
    assert used == given


def test_secrets_stay_out_of_git_and_of_the_images() -> None:
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": f"./secrets/{name}"}
    assert {"secrets/", "tls/"} <= set((REPOSITORY / ".gitignore").read_text().split())
    ignored = (REPOSITORY / ".dockerignore").read_text().split()
    assert ignored[0] == "*" and not {"!secrets", "!tls"} & set(ignored)


@services
def test_each_permanent_service_has_a_health_check(name: str) -> None:
    if name in ENDING:
        assert SERVICES[name]["restart"] == "no"
        return
    kind, program, *_ = SERVICES[name]["healthcheck"]["test"]
    assert kind == "CMD"
    assert program in OTHERS_PROGRAMS or os.access(DEPLOY / program, os.X_OK)
    assert SERVICES[name]["restart"] == "unless-stopped"


def test_workers_have_neither_a_way_to_the_database_nor_its_address() -> None:
    for name in RAY - {"search"}:
        assert not set(SERVICES[name]["networks"]) & set(SERVICES["postgres"]["networks"])
        assert not {"DATABASE", "PASSWORD_FILE", "UMSS_STORAGE"} & set(environment(name))
        assert SERVICES[name]["secrets"] == ["ray_token"]


@pytest.mark.parametrize("name", sorted(RAY))
def test_ray_asks_for_the_token(name: str) -> None:
    assert environment(name)["RAY_AUTH_MODE"] == "token"
    assert environment(name)["RAY_AUTH_TOKEN_PATH"] == "/run/secrets/ray_token"


def test_driver_and_viewer_have_their_own_roles() -> None:
    users = {name: parse_address(environment(name)["DATABASE"]).user for name in with_database()}
    assert users == {"roles": "unim2", "search": "unim2_driver", "dashboard": "unim2_viewer"}
    made = (DEPLOY / "roles.sh").read_text()
    assert "--driver unim2_driver" in made and "--viewer unim2_viewer" in made


def with_database() -> list[str]:
    return [name for name in SERVICES if "DATABASE" in environment(name)]


@services
def test_each_image_holds_its_script(name: str) -> None:
    target = SERVICES[name]["build"]["target"]
    intermediate_maps = re.split(
        r"^FROM ", (REPOSITORY / "Dockerfile").read_text(), flags=re.MULTILINE
    )
    stage = next(
        text for text in intermediate_maps if text.splitlines()[0].endswith(f" AS {target}")
    )
    copied = re.search(r"^COPY (deploy.*) /usr/local/bin/$", stage, flags=re.MULTILINE)
    assert copied is not None
    needed = {script(name).name} | {
        word for word in SERVICES[name].get("healthcheck", {}).get("test", []) if ".sh" in word
    }
    assert copied[1] == "deploy" or needed <= {Path(word).name for word in copied[1].split()}
