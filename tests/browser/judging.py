"""What is wrong with the page that a browser shows: accessibility, width, headings, words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

Scheme = Literal["light", "dark"]

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SCHEMES: tuple[Scheme, Scheme] = ("light", "dark")
LARGE, PHONES = 1280, (375, 320)
WIDTHS = (LARGE, *PHONES)
SHIFT = 0.01
"""Less than an eye sees; a page that moves what is read by a line has ten times as much."""
AXE = """async (options) => (await axe.run(options)).violations.flatMap(
  (rule) => rule.nodes.map((node) => `${rule.id} at ${node.target}`))"""
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


def violations(page: Page) -> list[str]:
    """What axe finds against WCAG 2.0 to 2.2, levels A and AA, on the page as it is now."""
    if not page.evaluate("() => 'axe' in window"):  # once a page, whatever is asked of it
        page.evaluate(AXE_SCRIPT)
    options = {
        "resultTypes": ["violations"],
        "preload": False,  # it writes styles into the page, which the policy forbids
        "runOnly": {"type": "tag", "values": TAGS},
        "rules": {"target-size": {"enabled": True}},
    }
    found: list[str] = page.evaluate(AXE, options)
    return found


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


def judged(page: Page, *, may_move: bool = False, turn: int = 0) -> list[str]:
    """What is wrong with the page that was just opened, at each width and in both schemes.

    axe looks at it in one scheme on a large screen and in the other on the smallest phone: in the
    light and in the dark where ``turn`` is even, the other way round where it is odd. So what
    stands on many pages is seen in all four ways.
    """
    found = basics(page, may_move=may_move)
    for scheme, widths in zip(SCHEMES[:: -1 if turn % 2 else 1], ([LARGE], PHONES), strict=True):
        found += sideways(page, widths)
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        # Colours that fade
        page.evaluate("document.getAnimations().forEach((one) => one.cancel())")
        found += [f"{scheme}, {widths[-1]} pixels: {one}" for one in violations(page)]
    page.emulate_media(color_scheme="light", reduced_motion="reduce")
    return found


UNSCRIPTED = """(fewest) => {
  const faults = [];
  const shown = (element) => element.checkVisibility({visibilityProperty: true});
  const offered = (element) => shown(element) && !element.closest(".specimen");
  const main = document.querySelector("main");
  const text = main ? main.innerText.trim() : "";
  if (text.length < fewest) faults.push(`the main part says only “${text}”`);
  if (![...document.querySelectorAll("h1")].some(shown)) faults.push("no heading is seen");
  for (const figure of document.querySelectorAll("figure:has(.plot)")) {
    const numbers = [...figure.querySelectorAll("table, .disclosure a[href]")].some(shown);
    if (!numbers) faults.push(`no numbers in ${figure.id}`);
    if (shown(figure.querySelector(".plot"))) faults.push(`an empty chart in ${figure.id}`);
  }
  for (const button of document.querySelectorAll("button[type=button]")) {
    if (offered(button)) faults.push(`nothing happens at “${button.innerText.trim()}”`);
  }
  for (const opener of document.querySelectorAll("[data-dialog]")) {
    const works = opener.matches("form [type=submit]") || opener.getAttribute("href");
    if (offered(opener) && !works) faults.push(`nothing opens at “${opener.innerText.trim()}”`);
  }
  return faults;
}"""
"""What a page lacks whose scripts do not run; the design system's specimens have none to do."""


def unscripted(page: Page, fewest: int = 40) -> list[str]:
    """What is wrong with the page that was just opened where no script runs.

    Its main part says something, in ``fewest`` letters at least.
    """
    found: list[str] = page.evaluate(UNSCRIPTED, fewest)
    return found


def visit(page: Page, found: dict[str, str]) -> dict[str, list[str]]:
    """What is wrong with each page."""
    wrong = {}
    for turn, (name, address) in enumerate(found.items()):
        page.set_viewport_size({"width": LARGE, "height": 800})
        page.goto(address)
        if problems := judged(page, turn=turn):
            wrong[name] = problems
    return wrong
