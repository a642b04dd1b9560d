"""The built site in a headless Chromium: make site-test, after make docs."""

import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest

pytestmark = pytest.mark.site

ROOT = Path(__file__).parent.parent
SITE = ROOT / "docs" / "_build" / "html"
PAGES = sorted(
    path.relative_to(SITE).as_posix()
    for path in SITE.rglob("*.html")
    if "_static" not in path.parts
)
FLAGS = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
]
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
# Images are loaded lazily, and formulas are rendered after the page.
SETTLE = """async () => {
    await window.MathJax?.startup?.promise;
    await Promise.allSettled([...document.images].map(image => {
        image.loading = "eager";
        return image.decode();
    }));
}"""
SEE = """() => ({
    links: [...document.querySelectorAll("a[href]")].map(a => a.href),
    ids: [...document.querySelectorAll("[id]")].map(e => e.id),
    images: [...document.images].map(i => [i.currentSrc, i.complete && i.naturalWidth]),
})"""
# Elements that extend beyond the screen, except in scrollable boxes.
OVERHANG = """() => {
    const end = e => e.getBoundingClientRect().left
        + Math.max(e.offsetWidth, e.scrollWidth);
    const scrolls = e => !e.matches("article") && (
        /auto|scroll/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
    const wide = [...document.querySelectorAll("article *")].filter(
        e => end(e) > innerWidth + 1 && !scrolls(e));
    return document.documentElement.scrollWidth > innerWidth ? ["the page"] :
        wide.map(e => `${e.tagName}: ${e.textContent.trim().slice(0, 60)}`);
}"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def address():
    """URL of the served site."""
    handler = partial(Quiet, directory=SITE)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        pytest.skip(f"none of {', '.join(names)} is installed: the site is not tested")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def tab(browser):
    tab = browser.new_page(viewport=DESKTOP)
    yield tab
    tab.close()


@pytest.fixture(scope="module")
def visited(tab, address):
    """Return the content, the requests and the errors of each page."""
    assert PAGES, f"{SITE} is empty: make docs"
    return {page: visit(tab, address, page) for page in PAGES}


def visit(tab, address, page):
    errors, requests = [], []
    listeners = {
        "pageerror": lambda error: errors.append(str(error)),
        "console": lambda m: errors.append(m.text) if m.type == "error" else None,
        "requestfailed": lambda request: errors.append(request.url),
        "response": lambda r: errors.append(r.url) if r.status >= 400 else None,
        "request": lambda request: requests.append(request.url),
    }
    for event, listener in listeners.items():
        tab.on(event, listener)
    tab.set_viewport_size(DESKTOP)
    tab.goto(address + page, wait_until="load")
    tab.evaluate(SETTLE)
    seen = tab.evaluate(SEE)
    tab.set_viewport_size(PHONE)
    seen["overhang"] = tab.evaluate(OVERHANG)
    for event, listener in listeners.items():
        tab.remove_listener(event, listener)
    return seen | {"errors": errors, "requests": requests}


def test_no_script_error(visited):
    assert {
        page: seen["errors"] for page, seen in visited.items() if seen["errors"]
    } == {}


def test_nothing_is_asked_of_other_hosts(visited, address):
    asked = {url for seen in visited.values() for url in seen["requests"]}
    assert asked
    assert [url for url in asked if not url.startswith((address, "data:"))] == []


def test_images_are_there(visited):
    images = [(page, *image) for page in visited for image in visited[page]["images"]]
    assert images
    assert [image for image in images if not image[-1]] == []


def test_links_inside_the_site_lead_somewhere(visited, address):
    links = {(page, link) for page in visited for link in visited[page]["links"]}
    inside = [(page, link) for page, link in links if link.startswith(address)]
    assert len(inside) > len(PAGES)
    assert [
        link for link in inside if not leads_somewhere(link[1], visited, address)
    ] == []


def leads_somewhere(link, visited, address):
    url, anchor = urldefrag(link.removeprefix(address))
    path = unquote(url.partition("?")[0]) or "index.html"
    if path not in visited:
        return (SITE / path).is_file()
    return not anchor or unquote(anchor) in visited[path]["ids"]


def test_pages_fit_a_phone(visited):
    overhang = {page: seen["overhang"] for page, seen in visited.items()}
    assert {page: found for page, found in overhang.items() if found} == {}


def test_every_example_has_its_thumbnail(tab, address, visited):
    tab.goto(f"{address}auto_examples/index.html")
    thumbnails = tab.locator(".sphx-glr-thumbcontainer img")
    examples = list((ROOT / "examples").glob("*/plot_*.py"))
    assert thumbnails.count() == len(examples) > 0
    sources = thumbnails.evaluate_all("images => images.map(image => image.src)")
    assert not any("no_image" in source for source in sources)


def test_search_finds_epsilon(tab, address, visited):
    tab.goto(f"{address}search.html?q=epsilon")
    results = tab.locator("#search-results li a")
    results.first.wait_for()
    tab.wait_for_load_state("networkidle")
    links = results.evaluate_all("links => links.map(link => link.href)")
    assert len(links) > 5
    assert [link for link in links if not leads_somewhere(link, visited, address)] == []


def test_formulas_are_drawn(tab, address, visited):
    tab.goto(f"{address}user_guide/smoothing.html")
    tab.locator("mjx-container").first.wait_for()
    assert tab.locator(".math", has_not=tab.locator("mjx-container")).count() == 0
