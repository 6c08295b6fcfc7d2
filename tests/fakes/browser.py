"""Debian's chromium without a screen, driven through its own debugging protocol."""

import asyncio
import contextlib
import re
import shutil
import subprocess
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

__all__ = ["CHROMIUM", "Browser", "browser"]

CHROMIUM = shutil.which("chromium")
LISTENING = re.compile(r"DevTools listening on (ws://\S+)")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--no-first-run",
    "--remote-debugging-port=0",
)
PATIENCE = 60.0  # seconds for one answer of the browser, on a machine that does much else
Result = TypeVar("Result")


@dataclass
class Browser:
    """One open page."""

    socket: aiohttp.ClientWebSocketResponse
    session: str
    loop: asyncio.AbstractEventLoop
    #: Messages of errors on the console.
    errors: list[str] = field(default_factory=list)
    #: Addresses that the page asked for.
    requests: list[str] = field(default_factory=list)
    _loaded: int = 0
    _number: int = 100

    def open(self, address: str) -> None:
        """Open an address and wait until the page is loaded."""
        self._run(self._open(address))

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        options = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        answer = self._run(self._ask("Runtime.evaluate", **options))
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def click(self, selector: str) -> None:
        """Click an element, and wait until the page that this opens is loaded."""
        self._run(self._click(selector))

    @property
    def text(self) -> str:
        """The text that a reader sees."""
        return str(self.evaluate("document.body.innerText"))

    async def _open(self, address: str) -> None:
        before = self._loaded
        await self._ask("Page.navigate", url=address)
        await self._wait(before)

    async def _click(self, selector: str) -> None:
        before = self._loaded
        expression = f"document.querySelector({selector!r}).click()"
        await self._ask("Runtime.evaluate", expression=expression)
        await self._wait(before)

    async def _wait(self, before: int) -> None:
        while self._loaded == before:
            self._note(await self.socket.receive_json(timeout=PATIENCE))

    async def _ask(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        await self.socket.send_json(
            {"id": self._number, "method": method, "params": params, "sessionId": self.session}
        )
        while True:
            message = await self.socket.receive_json(timeout=PATIENCE)
            if message.get("id") == self._number:
                found: dict[str, Any] = message["result"]
                return found
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded += 1
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Runtime.exceptionThrown":
                self.errors.append(str(params["exceptionDetails"]))
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.errors.append(str(params["entry"]))
            case "Runtime.consoleAPICalled" if params["type"] == "error":
                self.errors.append(str(params["args"]))

    def _run(self, what: Coroutine[Any, Any, Result]) -> Result:
        return self.loop.run_until_complete(what)


@contextlib.contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser with an empty profile in a folder."""
    assert CHROMIUM is not None
    process = subprocess.Popen(
        [CHROMIUM, *FLAGS, f"--user-data-dir={folder}", "about:blank"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    loop = asyncio.new_event_loop()
    try:
        assert process.stderr is not None
        found = next((match for line in process.stderr if (match := LISTENING.search(line))), None)
        assert found is not None, "chromium ended before it listened"
        client, opened = loop.run_until_complete(_connect(found[1], loop))
        yield opened
        loop.run_until_complete(client.close())
    finally:
        process.terminate()
        process.wait(timeout=30)
        loop.close()
        assert process.stderr is not None
        process.stderr.close()


async def _connect(
    address: str, loop: asyncio.AbstractEventLoop
) -> tuple[aiohttp.ClientSession, Browser]:
    client = aiohttp.ClientSession()
    socket = await client.ws_connect(address, max_msg_size=0)
    page = Browser(socket=socket, session="", loop=loop)

    async def ask(method: str, **params: Any) -> dict[str, Any]:
        page._number += 1
        await socket.send_json({"id": page._number, "method": method, "params": params})
        while True:
            message = await socket.receive_json(timeout=PATIENCE)
            if message.get("id") == page._number:
                found: dict[str, Any] = message["result"]
                return found

    target = await ask("Target.createTarget", url="about:blank")
    attached = await ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
    page.session = attached["sessionId"]
    for domain in ("Page", "Runtime", "Log", "Network"):
        await page._ask(f"{domain}.enable")
    return client, page
