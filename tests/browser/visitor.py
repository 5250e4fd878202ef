"""Somebody at a browser: a context of their own, and an eye on what goes wrong behind the page."""

import re
import secrets
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Response, expect

PASSWORD = "seventeen quiet harbours"
AXE = Path(__file__).resolve().parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
#: WCAG 2.2 A and AA.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


class Visitor:
    """One person: page, console, requests. Leaving checks that nothing complained."""

    def __init__(self, browser: Browser, url: str, **options: Any) -> None:
        options.setdefault("viewport", {"width": 1280, "height": 860})
        self.url = url
        self.context = browser.new_context(base_url=url, **options)
        self.context.set_default_timeout(15_000)
        self.page: Page = self.context.new_page()
        self.name = f"v{secrets.token_hex(4)}"
        self.complaints: list[str] = []
        self.addresses: list[str] = []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.on("response", self._on_response)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} {message.location}")

    def _on_response(self, response: Response) -> None:
        self.addresses.append(response.url)

    def forgive(self, pattern: str) -> None:
        """Forget complaints that a test provoked itself, such as a 404 that it asked for."""
        self.complaints = [each for each in self.complaints if not re.search(pattern, each)]

    def leave(self) -> None:
        """Close the context."""
        self.context.close()

    def join(self) -> "Visitor":
        """Register through the form, as a person does."""
        self.page.goto("/register")
        self.page.get_by_label("Username").fill(self.name)
        self.page.get_by_label("E-mail").fill(f"{self.name}@example.org")
        self.page.get_by_label("Password", exact=True).fill(PASSWORD)
        self.page.get_by_role("button", name="Create account").click()
        expect(self.page.get_by_role("button", name=f"Account of {self.name}")).to_be_visible()
        return self

    def choose(self, *files: Path) -> None:
        """Pick files on the upload page."""
        self.page.get_by_label("Choose files").set_input_files([str(path) for path in files])

    def row(self, name: str) -> Locator:
        """The row of one upload."""
        return self.page.locator(f'[data-upload="{name}"]')

    def video(self) -> dict[str, Any]:
        """What the video element is doing now."""
        state: dict[str, Any] = self.page.locator("reelay-player video").evaluate(
            "v => ({time: v.currentTime, width: v.videoWidth, height: v.videoHeight, "
            "duration: v.duration, paused: v.paused, ready: v.readyState, muted: v.muted})"
        )
        return state

    def wait_until_playing(self, *, beyond: float, seconds: float = 20) -> dict[str, Any]:
        """Wait until a picture is shown and the clock is beyond `beyond` seconds."""
        for _ in range(int(seconds * 10)):
            now = self.video()
            if now["width"] > 0 and now["time"] > beyond:
                return now
            self.page.wait_for_timeout(100)
        raise AssertionError(f"it does not play: {self.video()} {self.complaints}")

    def violations(self) -> list[str]:
        """What axe-core finds on the page as it is now."""
        # Through the protocol, not a script tag: the content security policy stays on.
        self.page.evaluate(AXE.read_text("utf-8"))
        found = self.page.evaluate("rules => axe.run({runOnly: rules})", RULES)
        return [
            f"{each['id']}: {node['target']} {node['failureSummary']}"
            for each in found["violations"]
            for node in each["nodes"]
        ]

    def overflow_px(self) -> int:
        """By how much the page is wider than the window."""
        # Not `innerWidth`: a phone makes that as wide as the page, and everything smaller.
        script = "width => document.documentElement.scrollWidth - width"
        size = self.page.viewport_size
        assert size is not None
        return int(self.page.evaluate(script, size["width"]))
