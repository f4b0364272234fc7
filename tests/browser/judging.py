"""What is wrong with the page that a browser shows: accessibility, width, headings, words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

Scheme = Literal["light", "dark"]

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
OF_COLOURS = ["color-contrast", "link-in-text-block"]
"""What can differ between the schemes; the structure of a page is the same in both."""
WIDTHS = (1280, 375, 320)
SHIFT = 0.01
"""Less than an eye sees; a page that moves what is read by a line has ten times as much."""
AXE = Axe()
BASICS = """
() => new Promise((done) => {
  const found = [];
  const headings = document.querySelectorAll("h1").length;
  if (headings !== 1) found.push(`${headings} headings of the first level`);
  if (!document.title.replace(/ [·|] [^·|]*$/, "").trim()) found.push("no title");
  const language = location.pathname.match(/^\\/(fr|da)\\//)?.[1] ?? "en";
  const said = document.documentElement.lang.split("-")[0];
  if (said !== language) found.push(`said to be in "${said}", and is in "${language}"`);
  for (const image of document.querySelectorAll("img:not([alt])")) {
    found.push(`no words for ${image.src}`);
  }
  let moved = 0;
  const what = new Set();
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      moved += entry.hadRecentInput ? 0 : entry.value;
      for (const { node, previousRect: was, currentRect: is } of entry.sources) {
        what.add(`${node?.nodeName}.${node?.className} from ${was.y} to ${is.y}`);
      }
    }
  });
  observer.observe({ type: "layout-shift", buffered: true });
  setTimeout(() => done({ found, moved, what: [...what].join(', ') }), 30);
})
"""


def violations(page: Page, rules: list[str] | None = None) -> list[str]:
    """What axe finds against WCAG 2.0 to 2.2, levels A and AA, or against ``rules`` alone."""
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": TAGS}
    options = {
        "resultTypes": ["violations"],
        "preload": False,  # it writes styles into the page, which the policy forbids
        "runOnly": only,
        "rules": {} if rules else {"target-size": {"enabled": True}},
    }
    found = AXE.run(page, options=options).response["violations"]
    return [f"{rule['id']} at {node['target']}" for rule in found for node in rule["nodes"]]


def basics(page: Page, *, may_move: bool = False) -> list[str]:
    """Title, heading, language and images, and whether the page moved while it was loaded."""
    answer = page.evaluate(BASICS)
    if answer["moved"] > SHIFT and not may_move:
        # The window may have been resized a moment before; what a page does it does again.
        page.reload()
        answer = page.evaluate(BASICS)
    found: list[str] = answer["found"]
    if answer["moved"] > SHIFT and not may_move:
        found.append(f"it moved by {answer['moved']:.3f}: {answer['what']}")
    return found


def sideways(page: Page, widths: Iterable[int] = WIDTHS) -> list[str]:
    """Where the page is wider than the screen."""
    found = []
    for width in widths:
        page.set_viewport_size({"width": width, "height": 800})
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            found.append(f"{wide} pixels wide on a screen of {width}")
    return found


def complaints(page: Page, scheme: Scheme = "light") -> list[str]:
    """What is wrong with the page that is open, at each width."""
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    return sideways(page) + violations(page)


def judged(page: Page, *, may_move: bool = False) -> list[str]:
    """What is wrong with the page that was just opened, at each width and in both schemes."""
    found = basics(page, may_move=may_move) + sideways(page)
    found += [f"light: {one}" for one in violations(page)]
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    page.evaluate("document.getAnimations().forEach((one) => one.cancel())")  # colours that fade
    found += [f"dark: {one}" for one in violations(page, OF_COLOURS)]
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    return found


def visit(page: Page, found: dict[str, str]) -> dict[str, list[str]]:
    """What is wrong with each page; every other one is looked at in the dark."""
    wrong = {}
    for number, (name, address) in enumerate(found.items()):
        page.goto(address)
        problems = basics(page) + complaints(page, "dark" if number % 2 else "light")
        if problems:
            wrong[name] = problems
    return wrong
