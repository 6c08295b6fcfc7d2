"""Addresses: they are read or refused, and no text shows a password."""

import copy
import os
import stat
import traceback
from pathlib import Path

import pytest

from storage import embedded_folder
from storage.address import Address, parse_address, take_address
from storage.errors import AddressError, PasswordInAddress, UnsupportedDatabase

SECRET = "hush{0}%/:hush"
QUOTED = "hush%7B0%7D%25%2F%3Ahush"


def everything_said(error: BaseException) -> str:
    return "".join(traceback.format_exception_only(error)) + repr(error) + repr(error.__cause__)


def test_the_default_is_embedded_in_the_users_data_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(embedded_folder, "find_barrier", lambda folder, account: None)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert parse_address(None).kind == "embedded"
    assert parse_address(None).folder == tmp_path / "unim2-search" / "postgres"
    assert parse_address("embedded") == parse_address("embedded:") == parse_address(None)


def test_the_default_avoids_a_home_that_only_root_may_enter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    tmp_path.chmod(0o700)
    assert parse_address(None).folder == embedded_folder.SYSTEM_FOLDER
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_an_embedded_folder_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_address("embedded:here").folder == tmp_path / "here"
    assert parse_address("embedded:here").masked() == f"embedded:{tmp_path}/here"


def test_the_home_of_an_unknown_user_is_refused_in_one_line() -> None:
    with pytest.raises(AddressError, match=r"no home folder of ~nobody-here: give the .* path"):
        parse_address("embedded:~nobody-here/base")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2", "POSTGRESQL"])
def test_a_server_address_is_taken_apart(scheme: str) -> None:
    address = parse_address(f"{scheme}://me@host.example:5433/name?sslmode=require")
    assert (address.user, address.host, address.port) == ("me", "host.example", 5433)
    assert (address.database, dict(address.parameters)) == ("name", {"sslmode": "require"})
    assert str(address) == "postgresql://me@host.example:5433/name?sslmode=require"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://me:{QUOTED}@host/name",
        f"postgresql://me@host/name?password={QUOTED}",
        f"postgresql://me@host/name?sslpassword={QUOTED}",
        f"postgres://:{QUOTED}@host/name",
        "postgresql://me:hush{0}@host/name",
        "postgresql://me:hu/sh@host/name",
    ],
)
def test_a_password_in_a_flags_address_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(PasswordInAddress, match=r"UMSS_STORAGE.*--password-file") as e:
        parse_address(text)
    assert "hu" not in everything_said(e.value).replace("shut", "")
    assert "***" in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:hush@hush@host/name",
        "postgresql://me:hush:5432:x@ho:st/name",
        "postgresql:me:hush@host/name",
        "postgresql://me@host:hush/name",
        "postgresql://m/e:hush@host/name",
        "me:hush@host/name",
        "hush",
        "",
        "postgresql://me@host/name?sslmode=a&sslmode=hush",
        "postgresql://host/name?user=hush",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(AddressError, match=r"postgresql|storage address") as caught:
        parse_address(text)
    assert "hush" not in everything_said(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sqlite:///study.db", "SQLite has no row locks"),
        ("sqlite+pysqlite:///:memory:", "SQLite"),
        ("mysql://me:hush@host/name", "mysql address"),
        ("mariadb+pymysql://me:hush@host/name", "mariadb address"),
        ("redis://hush@host", "unknown storage scheme 'redis'"),
    ],
)
def test_other_databases_are_refused_with_the_fix(text: str, reason: str) -> None:
    with pytest.raises(UnsupportedDatabase, match=reason) as caught:
        parse_address(text)
    assert "postgresql://USER@HOST:PORT/NAME" in str(caught.value)
    assert "hush" not in everything_said(caught.value)


def test_no_form_of_an_address_shows_its_password() -> None:
    environment = {"UMSS_STORAGE": f"postgresql://me:{QUOTED}@host/name?sslpassword={QUOTED}"}
    address = take_address(None, environment)
    assert address.password == SECRET
    assert address.parameters["sslpassword"] == SECRET
    forms = [str(address), repr(address), address.masked(), f"{address}", repr([address])]
    forms += [repr(copy.copy(address)), "%s %r" % (address, address)]  # noqa: UP031
    for form in forms:
        assert "hush" not in form
        assert "me:***@host" in form
    assert address.url(host=None).password == SECRET


def test_the_environment_is_emptied_of_secrets() -> None:
    environment = {"UMSS_STORAGE": f"postgresql://me:{QUOTED}@h/n", "PGPASSWORD": "b", "HOME": "/"}
    assert take_address(None, environment).password == SECRET
    assert environment == {"HOME": "/"}

    environment = {"UMSS_STORAGE": f"postgresql://me:{QUOTED}@h/n", "PGPASSWORD": "b"}
    address = take_address("postgresql://you@flag/name", environment)
    assert (address.user, address.password) == ("you", "b")  # the flag wins
    assert environment == {}

    assert take_address("embedded:/tmp/x", {"PGPASSWORD": "b"}).password is None
    assert take_address(None, {"UMSS_STORAGE": ""}) == parse_address(None)


def test_the_service_of_another_server_stays_for_an_address_elsewhere() -> None:
    environment = {"PGSERVICE": "mine"}
    take_address("postgresql:///", environment)
    assert environment == {"PGSERVICE": "mine"}
    take_address("embedded", environment)
    assert environment == {}


def test_a_bad_address_leaves_no_secret_in_the_environment() -> None:
    environment = {"UMSS_STORAGE": "sqlite:///hush"}
    with pytest.raises(UnsupportedDatabase):
        take_address(None, environment)
    assert environment == {}


def test_the_password_file_wins(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from file\nsecond line\n")
    environment = {"UMSS_STORAGE": "postgresql://me:old@host/name"}
    assert take_address(None, environment, password_file=file).password == "from file"
    address = parse_address("postgresql://me@host/name", password_file=file)
    assert address.password == "from file"
    assert isinstance(address, Address)


@pytest.mark.parametrize("content", [None, b"", b"\nsecond", b"\xff\xfe"])
def test_a_password_file_that_cannot_be_used_is_refused(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(AddressError, match=r"password file .*password"):
        parse_address("postgresql://me@host/name", password_file=file)


@pytest.mark.parametrize("text", [None, "embedded", "embedded:"])
def test_the_default_database_needs_no_flag(text: str | None) -> None:
    assert parse_address(text).flags() == ()


def test_the_default_database_is_named_where_the_variable_names_another() -> None:
    found = take_address("embedded", {"UMSS_STORAGE": "embedded:/elsewhere"})
    assert found.flags() == ("--storage", parse_address(None).masked())
    assert take_address("embedded", {}).flags() == ()


def test_the_flags_of_a_database_name_it_without_its_password(tmp_path: Path) -> None:
    where = "postgresql://me@host.example/name"
    assert take_address(None, {"UMSS_STORAGE": where}).flags() == ("--storage", where)
    assert take_address(where, {"PGPASSWORD": SECRET}).flags() == ("--storage", where)
    assert parse_address("embedded:/a b").flags() == ("--storage", "embedded:/a b")
    file = tmp_path / "password"
    file.write_text(SECRET)
    found = parse_address(where, password_file=file)
    assert found.flags() == ("--storage", where, "--password-file", str(file))


@pytest.mark.parametrize("secret", [f"me:{QUOTED}@host/name", "me@host/name?sslpassword=x"])
def test_an_address_with_its_password_stays_in_the_variable(secret: str) -> None:
    assert take_address(None, {"UMSS_STORAGE": f"postgresql://{secret}"}).flags() == ()
