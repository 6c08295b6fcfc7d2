"""The real proxy in front of the real dashboard: no way in without the password."""

import base64
import http.client
import os
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.fakes.waiting import free_port

DEPLOY = Path(__file__).parents[3] / "deploy"
PASSWORD = "the 'pass' $word: \\ of the proxy"
START_SECONDS = 240  # on a machine that does much else

pytestmark = [
    pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed"),
    pytest.mark.timeout(600),
]


@dataclass(frozen=True, kw_only=True)
class Client:
    """A client of the proxy on a port."""

    port: int
    tls: bool = False

    def ask(
        self, method: str, path: str, login: str | None = None, *, host: str | None = None
    ) -> tuple[int, bytes]:
        """Status and body; the body of a redirect is where it leads."""
        if self.tls:
            trusting = ssl.create_default_context()
            trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                "127.0.0.1", self.port, timeout=60, context=trusting
            )
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {}
        if login is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(login.encode()).decode()
        if host is not None:
            headers["Host"] = host
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        body = answer.headers.get("Location", "").encode() or answer.read()
        if answer.status == 401:
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="unim2-search"'
        connection.close()
        return answer.status, body


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        assert process.poll() is None, "it ended"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        else:
            return


def serve(script: str, port: int, **variables: str) -> "Iterator[subprocess.Popen[bytes]]":
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    process = subprocess.Popen(
        [DEPLOY / script], env={**os.environ, "PATH": path, **variables}, cwd=DEPLOY.parent
    )
    try:
        wait_for(port, process)
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)


@pytest.fixture
def dashboard(database_address: str) -> Iterator[int]:
    """Port of a read-only dashboard."""
    port = free_port()
    for _ in serve("dashboard.sh", port, DATABASE=database_address, DASHBOARD_PORT=str(port)):
        yield port


@pytest.fixture
def password_file(tmp_path: Path) -> str:
    path = tmp_path / "password"
    path.write_text(f"{PASSWORD}\nnot this line\n")
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def tls(tmp_path: Path) -> str:
    """Folder of a self-signed certificate."""
    folder = tmp_path / "tls"
    folder.mkdir()
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost",
         "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return str(folder)


def test_the_password_is_asked_for(dashboard: int, password_file: str, tls: str) -> None:
    for folder in ("", tls):
        port = free_port()
        client = Client(port=port, tls=bool(folder))
        for proxy in serve(
            "proxy.sh", port, PROXY_PORT=str(port), PROXY_UPSTREAM=f"127.0.0.1:{dashboard}",
            PROXY_PASSWORD_FILE=password_file, PROXY_TLS=folder,
        ):  # fmt: skip
            check(client)
            check_public_name(client, Client(port=dashboard))
            check_hidden(proxy.pid)


def check(client: Client) -> None:
    login = f"viewer:{PASSWORD}"
    for path in ("/", "/dashboard/", "/umss/", "/api/studies", "/no/such/page"):
        assert client.ask("GET", path)[0] == 401
        assert client.ask("GET", path, "viewer:")[0] == 401
        assert client.ask("GET", path, f"viewer:{PASSWORD}x")[0] == 401
        assert client.ask("GET", path, f"other:{PASSWORD}")[0] == 401
    status, page = client.ask("GET", "/dashboard/", login)
    assert status == 200 and b"<title>Optuna Dashboard</title>" in page
    status, page = client.ask("GET", "/umss/", login)
    assert status == 200 and b"read-only" in page and b"<form" not in page
    assert client.ask("POST", "/umss/stop")[0] == 401
    assert client.ask("POST", "/umss/stop", login)[0] == 403
    status, studies = client.ask("GET", "/api/studies", login)
    assert status == 200 and studies.startswith(b'{"study_summaries"')
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert client.ask(method, "/api/studies")[0] == 401
        assert client.ask(method, "/api/studies", login)[0] == 403


def check_public_name(client: Client, dashboard: Client) -> None:
    """Behind the proxy the dashboard has any name; without it only those of this machine."""
    login, host = f"viewer:{PASSWORD}", f"search.example:{client.port}"
    assert client.ask("GET", "/umss/", login, host=host)[0] == 200
    scheme = "https" if client.tls else "http"
    status, place = client.ask("GET", "/", login, host=host)
    assert (status, place) == (302, f"{scheme}://{host}/dashboard".encode())
    status, line = dashboard.ask("GET", "/umss/", host=host)
    assert status == 421 and b"--allow-host" in line


def check_hidden(proxy: int) -> None:
    """The password is in no program's arguments or environment that the proxy started."""
    children = Path(f"/proc/{proxy}/task/{proxy}/children").read_text().split()
    assert children
    for process in (str(proxy), *children):
        for what in ("cmdline", "environ"):
            assert PASSWORD.encode() not in Path(f"/proc/{process}/{what}").read_bytes()


def test_the_proxy_leaves_nothing_behind(
    password_file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "tmp"
    own.mkdir(mode=0o755)
    for folder in (tmp_path, *tmp_path.parents):
        if not folder.stat().st_mode & stat.S_IXOTH:
            folder.chmod(0o755)  # nginx's own processes are another account's, where this is root
    monkeypatch.setenv("TMPDIR", str(own))
    port = free_port()
    children: list[str] = []
    for proxy in serve("proxy.sh", port, PROXY_PORT=str(port), PROXY_PASSWORD_FILE=password_file):
        assert len(list(own.iterdir())) == 1
        children += Path(f"/proc/{proxy.pid}/task/{proxy.pid}/children").read_text().split()
        assert Client(port=port).ask("GET", "/")[0] == 401
        assert Client(port=port).ask("GET", "/", f"viewer:{PASSWORD}")[0] == 502
    assert list(own.iterdir()) == []
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
