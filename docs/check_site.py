"""Every page of the built site in a browser, for `make docs-check`.

At both widths a page has to load without errors, asks nothing of other machines, and has nothing
that reaches beyond its sides; formulas are set; axe finds no serious fault of accessibility, in
light and in dark; and the search finds what is there.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

HOST = "127.0.0.1"
SITE = Path(__file__).parent / "_build" / "html"
WIDTHS = {1280: "light", 390: "dark"}  # pixels, and what the reader prefers
AT_ONCE = 2
SERIOUS = ("serious", "critical")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

# Formulas that are still source, or that could not be set.
FORMULAS = """async () => {
    if (!window.MathJax || !MathJax.startup) return [];
    await MathJax.startup.promise;
    const raw = [...document.querySelectorAll(".math")].filter(
        (node) => !node.querySelector("mjx-container"));
    return [...raw, ...document.querySelectorAll("mjx-merror")].map((node) => node.textContent);
}"""
# What reaches beyond the window, and does not scroll in a box of its own.
OVERFLOW = """() => {
    const width = document.documentElement.clientWidth;
    const scrolls = (node) => ["auto", "scroll"].includes(getComputedStyle(node).overflowX);
    const inside = (node) => node.tagName !== "ARTICLE"
        && (scrolls(node) || (node.parentElement && inside(node.parentElement)));
    const wide = [...document.querySelectorAll("article *")].filter((node) => {
        const box = node.getBoundingClientRect();
        return box.width > 0 && box.height > 0 && box.right > width + 1 && !inside(node);
    }).slice(0, 3).map((node) => node.outerHTML.slice(0, 120));
    const beyond = document.documentElement.scrollWidth - width;
    return beyond > 0 ? [`the page, by ${beyond}`, ...wide] : wide;
}"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass

    def copyfile(self, source: Any, outputfile: Any) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):  # a page was closed
            super().copyfile(source, outputfile)


@contextmanager
def served() -> Iterator[str]:
    """Serve the site to this machine alone."""
    server = ThreadingHTTPServer((HOST, 0), partial(Quiet, directory=str(SITE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{HOST}:{server.server_port}"
    server.shutdown()


@dataclass
class Report:
    """Where the site is served, and what was found, page by page."""

    address: str
    faults: list[str] = field(default_factory=list)

    def add(self, page: str, width: int, fault: str) -> None:
        self.faults.append(f"{page} at {width} pixels: {fault}")


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--screenshots", type=Path, help="a folder for a picture of every page")
    parser.add_argument("pages", nargs="*", help="only these, such as tutorial.html")
    arguments = parser.parse_args()
    names = arguments.pages or sorted(str(path.relative_to(SITE)) for path in SITE.rglob("*.html"))
    names = [name for name in names if not name.startswith("_static")]
    with served() as address:
        report = Report(address)
        await check_site(names, report, arguments.screenshots)
    print("\n".join(report.faults))
    print(f"{len(names)} pages at {len(WIDTHS)} widths: {len(report.faults)} faults")
    return int(bool(report.faults))


async def check_site(names: list[str], report: Report, folder: Path | None) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        for width, scheme in WIDTHS.items():
            await check_all(browser, names, width, scheme, report, folder)
        await check_search(browser, report)
        await browser.close()


async def check_all(
    browser: Browser, names: list[str], width: int, scheme: Any, report: Report, folder: Path | None
) -> None:
    context = await browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
    )
    slots = asyncio.Semaphore(AT_ONCE)

    async def check(name: str) -> None:
        async with slots:
            await check_page(context, name, width, report, folder)

    await asyncio.gather(*map(check, names))
    await context.close()


async def check_page(
    context: BrowserContext, name: str, width: int, report: Report, folder: Path | None
) -> None:
    page = await context.new_page()
    listen(page, name, width, report)
    await page.goto(f"{report.address}/{name}", wait_until="load")
    for formula in await page.evaluate(FORMULAS):
        report.add(name, width, f"a formula is not set: {formula[:80]}")
    for wide in await page.evaluate(OVERFLOW):
        report.add(name, width, f"too wide: {wide}")
    if not name.startswith("_modules/"):  # sources, which are all alike, and long
        await check_accessibility(page, name, width, report)
    if folder:
        picture = folder / str(width) / name.replace("/", "-").replace(".html", ".png")
        picture.parent.mkdir(parents=True, exist_ok=True)
        await page.screenshot(path=picture, full_page=True)
    await page.close()


async def check_accessibility(page: Page, name: str, width: int, report: Report) -> None:
    result = await Axe().run(page, options={"resultTypes": ["violations"]})
    for violation in result.response["violations"]:
        if violation["impact"] in SERIOUS:
            nodes = [node["html"][:100] for node in violation["nodes"]]
            report.add(name, width, f"{violation['id']}: {len(nodes)} such as {nodes[0]}")


def listen(page: Page, name: str, width: int, report: Report) -> None:
    """Note errors on the console, and requests that leave this machine or fail."""

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            report.add(name, width, f"console: {message.text} ({message.location['url']})")

    def on_request(url: str) -> None:
        if urlsplit(url).hostname not in (None, HOST):
            report.add(name, width, f"asks {url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: report.add(name, width, f"error: {error}"))
    page.on("request", lambda request: on_request(request.url))
    page.on("requestfailed", lambda request: report.add(name, width, f"lacks {request.url}"))


async def check_search(browser: Browser, report: Report) -> None:
    page = await browser.new_page()
    listen(page, "search.html", 1280, report)
    await page.goto(f"{report.address}/search.html?q=distance")
    await page.wait_for_selector("#search-results li", timeout=10_000)
    found = await page.locator("#search-results li a").all_inner_texts()
    if not any("distance" in title for title in found):
        report.add("search.html", 1280, f"distance is not among {found}")


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
