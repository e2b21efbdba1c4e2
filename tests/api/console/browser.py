"""Headless Chromium, controlled by the Chrome DevTools Protocol over aiohttp."""

import asyncio
import base64
import contextlib
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.programs import find_program, program_path
from tests.waiting import await_until

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
START_SECONDS_MAX = 20
WAIT_SECONDS_MAX = 10
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
    *("--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--remote-debugging-port=0", "--force-color-profile=srgb", "about:blank"),
)


def find_browser() -> str | None:
    """Return the path of the browser: SEATLEDGER_TEST_CHROMIUM, or the first on PATH."""
    path_in_environment = os.environ.get("SEATLEDGER_TEST_CHROMIUM")
    return path_in_environment or find_program(*NAMES)


class BrowserPage:
    """Tab of the browser. `errors` are its logged errors, including breaches of the content policy."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._loaded = asyncio.Event()
        self.errors: list[str] = []
        self._listening = asyncio.create_task(self._listen())

    async def do(self, method: str, **parameters: Any) -> Any:
        """Send one command of the protocol and return its result."""
        self._number += 1
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            reply = await answer
        assert "error" not in reply, reply
        return reply["result"]

    async def goto(self, url: str) -> None:
        await self.follow(self.do("Page.navigate", url=url))

    async def follow(self, action: Any) -> None:
        """Await an action that loads another page, and wait until the page is loaded."""
        self._loaded.clear()
        await action
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            await self._loaded.wait()

    async def js(self, expression: str) -> Any:
        reply = await self.do(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in reply, reply["exceptionDetails"]
        return reply["result"].get("value")

    async def wait_for(self, expression: str) -> None:
        """Wait until a JavaScript expression is true."""
        try:
            await await_until(lambda: self.js(f"Boolean({expression})"), WAIT_SECONDS_MAX, expression)
        except AssertionError as error:
            error.add_note(await self.js("document.body.innerText"))
            raise

    async def submit(self, form: str, **fields: str) -> None:
        """Fill in a form, press its button, and wait for the next page."""
        for name, value in fields.items():
            await self.js(
                f"document.querySelector({json.dumps(f'{form} [name={name}]')}).value = {json.dumps(value)}"
            )
        await self.follow(self.js(f"document.querySelector({json.dumps(f'{form} button')}).click()"))

    async def press(self, key: str, **rest: Any) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            await self.do(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, **_KEYS.get(key, {}), **rest
            )

    async def screen(self, width: int, height: int = 900, dark: bool = False) -> None:
        await self.do(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.do("Emulation.setEmulatedMedia", features=[scheme])

    async def shot(self, path: Path) -> None:
        image = await self.do("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(image["data"]))

    async def close(self) -> None:
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self) -> None:
        async for message in self._socket:
            event = json.loads(message.data)
            if "id" in event:
                self._answers.pop(event["id"]).set_result(event)
            elif event["method"] == "Page.loadEventFired":
                self._loaded.set()
            elif event["method"] == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
                self.errors.append(event["params"]["entry"]["text"])
            elif event["method"] == "Runtime.exceptionThrown":
                self.errors.append(json.dumps(event["params"]["exceptionDetails"])[:500])


_KEYS: dict[str, dict[str, int]] = {
    "Tab": {"windowsVirtualKeyCode": 9},
    "Enter": {"windowsVirtualKeyCode": 13},
    "ArrowLeft": {"windowsVirtualKeyCode": 37},
    "ArrowRight": {"windowsVirtualKeyCode": 39},
}


@asynccontextmanager
async def open_browser(executable: str) -> AsyncIterator[BrowserPage]:
    """Start a browser with a new profile and one empty tab; kill its whole process group at the end."""
    with tempfile.TemporaryDirectory(prefix="seatledger-browser-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [executable, f"--user-data-dir={profile}", *FLAGS],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Debian's chromium is a shell script that uses the system's programs.
            env={**os.environ, "PATH": program_path()},
            start_new_session=True,
        )
        try:
            port = await _port(Path(profile) / "DevToolsActivePort", process)
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    (tab,) = [tab for tab in await answer.json() if tab["type"] == "page"]
                async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=64 * 2**20) as socket:
                    page = BrowserPage(socket)
                    for domain in ("Page", "Runtime", "Log"):
                        await page.do(f"{domain}.enable")
                    yield page
                    await page.close()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


async def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    def has_port() -> bool:
        assert process.poll() is None, f"the browser ended with {process.returncode}"
        return file.exists() and "\n" in file.read_text()

    await await_until(has_port, START_SECONDS_MAX, "the browser writes its port")
    return int(file.read_text().split()[0])
