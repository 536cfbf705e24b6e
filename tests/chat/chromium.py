"""A headless Chromium, driven through its own DevTools protocol: no driver program, no framework.

One process serves many tests; each `Page` is in a browser context of its own, which shares nothing with the others, as
if each user sat at a machine of theirs.
"""

import base64
import contextlib
import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path

import websocket

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
SECONDS = 30
# How long a condition may take to come true: less than an answer of the protocol may.
PATIENCE = 15
# What the protocol says when a page goes elsewhere while an expression is evaluated in it.
GONE = ("Inspected target navigated or closed", "Execution context was destroyed.")


def find() -> str | None:
    """The path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


class DocumentGone(Exception):
    """The document that was looked into has made room for another meanwhile."""


class Chromium:
    """A context manager: a running browser with an empty profile in `directory`."""

    def __init__(self, program: str, directory: Path):
        self._command = [program, *FLAGS, f"--user-data-dir={directory / 'profile'}", "about:blank"]
        self._log = directory / "chromium.log"
        self._numbers = itertools.count(1)

    def __enter__(self) -> "Chromium":
        with self._log.open("w") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=subprocess.PIPE, text=True)
        for line in self._process.stderr:
            if address := re.search(r"DevTools listening on (ws://\S+)", line):
                break
        else:
            raise AssertionError("Chromium ended before it listened")
        self._socket = websocket.create_connection(address[1], timeout=SECONDS, suppress_origin=True)
        return self

    def __exit__(self, *_error) -> None:
        self.call("Browser.close")
        self._socket.close()
        self._process.stderr.close()
        self._process.wait(SECONDS)

    def page(self, url: str, *, width: int = 1280, height: int = 800, dark: bool = False) -> "Page":
        """A new page in a context of its own, once it has loaded `url`."""
        context = self.call("Target.createBrowserContext")["browserContextId"]
        target = self.call("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        page.resize(width, height, dark=dark)
        page.open(url)
        return page

    def call(self, method: str, session: str | None = None, **parameters) -> dict:
        """One command of the protocol; returns its result. Events that come meanwhile are dropped."""
        number = next(self._numbers)
        request = {"id": number, "method": method, "params": parameters}
        if session:
            request["sessionId"] = session
        self._socket.send(json.dumps(request))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == number:
                if answer.get("error", {}).get("message") in GONE:
                    raise DocumentGone(method, answer["error"])
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]


class Page:
    """A page, used as a person does: sees text, clicks, types."""

    def __init__(self, browser: Chromium, session: str):
        self._browser = browser
        self._session = session

    def open(self, url: str) -> None:
        """Go to `url`; returns when it has loaded."""
        self._call("Page.navigate", url=url)
        self.wait_for(f"location.href.startsWith({json.dumps(url)}) && document.readyState === 'complete'")

    def reload(self) -> None:
        """Load the page anew; returns when that is done."""
        self.evaluate("window.isStale = true")
        self._call("Page.reload")
        self.wait_for("!window.isStale && document.readyState === 'complete'")

    def evaluate(self, expression: str) -> object:
        """The value of a JavaScript expression; a promise is awaited."""
        answer = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, (expression, answer["exceptionDetails"])
        return answer["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until a JavaScript condition holds; fails with what the page then shows.

        Where the page goes elsewhere meanwhile, the wait goes on in the new document.
        """
        look = f"(() => {{ try {{ return Boolean({condition}); }} catch {{ return false; }} }})()"
        until = (
            f"new Promise((done) => {{ const end = Date.now() + {PATIENCE * 1000};"
            f" const look = () => {look} ? done(true) : Date.now() > end ? done(false) : setTimeout(look, 20);"
            " look(); })"
        )
        held = None
        while held is None:
            with contextlib.suppress(DocumentGone):
                held = self.evaluate(until)
        assert held, f"never came true: {condition}\nthe page shows:\n{self.text('body')}"

    def text(self, selector: str) -> str:
        """What is to be read in the first element of that selector."""
        return self.evaluate(f"document.querySelector({json.dumps(selector)}).innerText")

    def texts(self, selector: str) -> list[str]:
        """The text of each element of that selector."""
        return self.evaluate(f"[...document.querySelectorAll({json.dumps(selector)})].map((node) => node.textContent)")

    def click(self, selector: str) -> None:
        """Press and release the mouse in the middle of an element."""
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        x, y = self.evaluate(f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])({box})")
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, selector: str, text: str, *, enter: bool = True) -> None:
        """Put the cursor in a field, type, and press Enter."""
        self.click(selector)
        self._call("Input.insertText", text=text)
        if enter:
            self.press_enter()

    def press_enter(self, *, shift: bool = False) -> None:
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "modifiers": 8 if shift else 0}
        self._call("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
        self._call("Input.dispatchKeyEvent", type="keyUp", **key)

    def resize(self, width: int, height: int, *, dark: bool = False) -> None:
        mobile = width < 600
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot")["data"]))

    def _call(self, method: str, **parameters) -> dict:
        return self._browser.call(method, self._session, **parameters)
