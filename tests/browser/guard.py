"""What a browser may not do in any test: complain, break the policy, or ask another host."""

from __future__ import annotations

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Request, WebError

LISTENS = """
addEventListener("securitypolicyviolation", (event) => console.error(
  `policy: ${event.effectiveDirective} forbids ${event.blockedURI || "it"}`
  + ` at ${event.sourceFile || location.href}:${event.lineNumber}`));
"""
"""What the browser's console says of the policy can change; the event has a standard."""

INTERRUPTED = ("htmx:afterRequest", "htmx:send")
"""Leaving a page ends the request that htmx had under way, and htmx says so."""


class Guard:
    """Listens to every page of the contexts that it watches."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self._origins: set[str] = set()
        self._expected: dict[str, bool] = {}

    def watch(self, context: BrowserContext, home: str) -> None:
        """From now on ``context`` belongs at ``home``, with all its pages and pop-ups."""
        self.allow(home)
        context.add_init_script(LISTENS)
        context.on("console", self._heard)
        context.on("weberror", self._failed)
        context.on("request", self._asked)

    def allow(self, address: str) -> None:
        """A page of this test leaves for ``address`` too, and says why beside the call."""
        self._origins.add(_origin(address))

    def expect(self, words: str) -> None:
        """The console will say ``words`` in this test, once or more; else the test fails."""
        self._expected[words] = False

    def verdict(self) -> list[str]:
        """What was wrong, with what was expected and did not come."""
        silent = [words for words, heard in self._expected.items() if not heard]
        return self.complaints + [f"the console never said “{words}”" for words in silent]

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning") or message.text.startswith(INTERRUPTED):
            return
        for words in self._expected:
            if words in message.text:
                self._expected[words] = True
                return
        page = message.page.url if message.page else "a closed page"
        self.complaints.append(f"{page}: {message.type}: {message.text}")

    def _failed(self, error: WebError) -> None:
        page = error.page.url if error.page else "a closed page"
        self.complaints.append(f"{page}: script error: {error.error}")

    def _asked(self, request: Request) -> None:
        if request.url.startswith(("data:", "blob:")) or _origin(request.url) in self._origins:
            return
        self.complaints.append(f"request to {request.url}")


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
