"""The web page as a person sees it: a real browser, and the states that the page can be in."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Request, Route, expect, sync_playwright

SUBMIT = re.compile("/classify/async$")
STATUS = re.compile("/task/[^/]+/status$")
EVENTS = re.compile("/task/[^/]+/events$")
PHONE = {"width": 390, "height": 844}

# The browser talks to the lab alone: every service of its own that would call out is off.
_QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_SCAN_MS = 30_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window. While it runs, this thread can run no event loop of its own."""
    program = shutil.which("chromium")
    assert program, "chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=_QUIET)
        yield started
        started.close()


def is_korean(text: str) -> bool:
    """Whether most of a text's letters are Korean ones."""
    letters = [character for character in text if character.isalpha()]
    return sum("가" <= letter <= "힣" for letter in letters) > len(letters) / 2


@dataclass(frozen=True)
class Submission:
    """A photo on its way to the API."""

    key: str
    """Its Idempotency-Key."""
    form: bytes
    """Its form without the boundary, which each request has another one of."""


@dataclass
class ScanPage:
    """One tab with the page. ``submissions`` grows with each photo that it sends."""

    tab: Page
    address: str
    submissions: list[Submission] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    """What scripts and the content security policy complained of. A page that works has none."""

    def __post_init__(self) -> None:
        self.tab.on("request", self._note)
        self.tab.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.tab.on("console", lambda said: self.troubles.append(said.text) if "Policy" in said.text else None)

    def _note(self, request: Request) -> None:
        if SUBMIT.search(request.url):
            boundary = request.headers["content-type"].partition("boundary=")[2].encode()
            form = (request.post_data_buffer or b"").replace(boundary, b"")
            self.submissions.append(Submission(request.headers["idempotency-key"], form))

    @property
    def context(self) -> BrowserContext:
        return self.tab.context

    def find(self, selector: str) -> Locator:
        return self.tab.locator(selector)

    def open(self, fragment: str = "") -> None:
        """Loads the page, also where only the fragment is another one."""
        self.tab.goto("about:blank")
        self.tab.goto(f"{self.address}/{fragment}")

    def choose(self, photo: Path) -> None:
        self.tab.set_input_files("#photo", photo)
        expect(self.find("#preview")).to_be_visible()

    def ask(self, photo: Path) -> None:
        """Sends a photo from the start view."""
        self.choose(photo)
        self.find("#submit").click()

    def press_until(self, selector: str, key: str = "Tab", most: int = 12) -> None:
        """Moves the focus until it is where it shall be. Raises AssertionError if it never gets there."""
        for _ in range(most):
            if self.find(selector).evaluate("element => element === document.activeElement"):
                return
            self.tab.keyboard.press(key)
        raise AssertionError(f"{selector} cannot be reached with the keyboard")

    def expect_thing(self) -> None:
        """Waits until it is shown what was recognised: the model's second call is under way."""
        expect(self.find("#thing")).not_to_be_empty(timeout=_SCAN_MS)

    def expect_answer(self) -> None:
        expect(self.find("#answer")).to_be_visible(timeout=_SCAN_MS)
        expect(self.find("#bar")).to_have_attribute("aria-valuenow", "100")
        assert self.find("#how-steps li").count() >= 1, "the steps of disposal are not shown"

    def expect_failure(self, title: str, timeout_ms: float = _SCAN_MS) -> str:
        """Waits for the failure view; gives the sentence below its title."""
        expect(self.find("#failure-title")).to_have_text(title, timeout=timeout_ms)
        expect(self.find("#failure-title")).to_be_focused()
        reason = self.find("#failure-text").inner_text()
        assert is_korean(reason), f"people read Korean, not {reason!r}"
        return reason


@dataclass
class Refusal:
    """A route that refuses ``times`` requests with a status and lets the later ones through."""

    status: int
    headers: dict[str, str]
    times: int = 1

    def __call__(self, route: Route) -> None:
        self.times -= 1
        if self.times < 0:
            route.continue_()
        else:
            headers = {"content-type": "application/problem+json", **self.headers}
            route.fulfill(status=self.status, headers=headers, body='{"title": "x", "detail": "An English sentence."}')
