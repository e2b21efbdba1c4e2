"""A real Chromium without a window, driven by its own protocol (Chrome DevTools Protocol) over aiohttp."""

import asyncio
import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
START_SECONDS_MAX = 20
WAIT_SECONDS_MAX = 10
FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
    *("--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--remote-debugging-port=0", "--force-color-profile=srgb", "about:blank"),
)


def found() -> str | None:
    """The browser to use: SEATLEDGER_TEST_CHROMIUM, or the first on PATH."""
    named = os.environ.get("SEATLEDGER_TEST_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """One tab. `complaints` are the errors that it logged, breaches of the content policy among them."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._number = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._loaded = asyncio.Event()
        self.complaints: list[str] = []
        self._listening = asyncio.create_task(self._listen())

    async def do(self, method: str, **parameters: Any) -> Any:
        """One command of the protocol, and its answer."""
        self._number += 1
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            told = await answer
        assert "error" not in told, told
        return told["result"]

    async def goto(self, url: str) -> None:
        await self.leaving(self.do("Page.navigate", url=url))

    async def leaving(self, act: Any) -> None:
        """Do what leads to another page, and wait until that is there."""
        self._loaded.clear()
        await act
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            await self._loaded.wait()

    async def js(self, expression: str) -> Any:
        told = await self.do(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until it is true."""
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                while not await self.js(f"Boolean({expression})"):
                    await asyncio.sleep(0.02)
        except TimeoutError:
            text = await self.js("document.body.innerText")
            raise AssertionError(f"never true: {expression}\n{text}") from None

    async def submit(self, form: str, **fields: str) -> None:
        """Fill in a form as a person would, press its button, and wait for the page that follows."""
        for name, value in fields.items():
            await self.js(
                f"document.querySelector({json.dumps(f'{form} [name={name}]')}).value = {json.dumps(value)}"
            )
        await self.leaving(self.js(f"document.querySelector({json.dumps(f'{form} button')}).click()"))

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
        told = await self.do("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        path.write_bytes(base64.b64decode(told["data"]))

    async def close(self) -> None:
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self) -> None:
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                self._answers.pop(told["id"]).set_result(told)
            elif told["method"] == "Page.loadEventFired":
                self._loaded.set()
            elif told["method"] == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
                self.complaints.append(told["params"]["entry"]["text"])
            elif told["method"] == "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(told["params"]["exceptionDetails"])[:500])


_KEYS: dict[str, dict[str, int]] = {
    "Tab": {"windowsVirtualKeyCode": 9},
    "Enter": {"windowsVirtualKeyCode": 13},
    "ArrowLeft": {"windowsVirtualKeyCode": 37},
    "ArrowRight": {"windowsVirtualKeyCode": 39},
}


@asynccontextmanager
async def opened(executable: str) -> AsyncIterator[Page]:
    """A browser with a profile of its own and one empty tab; killed with all its helpers at the end."""
    with tempfile.TemporaryDirectory(prefix="seatledger-browser-", ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            [executable, f"--user-data-dir={profile}", *FLAGS],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            port = await _port(Path(profile) / "DevToolsActivePort", process)
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    (tab,) = [tab for tab in await answer.json() if tab["type"] == "page"]
                async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=64 * 2**20) as socket:
                    page = Page(socket)
                    for domain in ("Page", "Runtime", "Log"):
                        await page.do(f"{domain}.enable")
                    yield page
                    await page.close()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


async def _port(file: Path, process: subprocess.Popen[bytes]) -> int:
    async with asyncio.timeout(START_SECONDS_MAX):
        while not (file.exists() and file.read_text().count("\n")):
            assert process.poll() is None, f"the browser ended with {process.returncode}"
            await asyncio.sleep(0.02)
    return int(file.read_text().split()[0])
