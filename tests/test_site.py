"""The built site in a headless Chromium: make site-test, after make docs."""

import json
import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from urllib.parse import unquote, urldefrag

import pytest

pytestmark = pytest.mark.site

ROOT = Path(__file__).parent.parent
SITE = ROOT / "docs" / "_build" / "html"
DOCUMENTATION = "https://sklearn-ls.readthedocs.io/en/stable/"
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
FIGURES = r"sphx_glr_(?!.*thumb)|_images/(cats_and_dogs|growth|noise)\.png"
# Words that people look for, and a page that must be among the first results.
SEARCHES = {
    "augmentation": "user_guide/own_module",
    "catboost": "user_guide/boosting",
    "dawid skene": "user_guide/crowds",
    "epsilon": "user_guide/choosing_epsilon",
    "onnx": "generated/sklearn_ls.to_onnx",
    "save model": "user_guide/saving",
}
FIRST = 8  # results
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
    meta: [...document.querySelectorAll("meta[property]")].map(
        e => [e.getAttribute("property"), e.content]),
})"""
READ_CELLS = """rows => rows.map(
    row => [...row.cells].map(cell => cell.innerText.trim().replace(/\\s+/g, " ")))"""
# The opacity of the corner of an image.
OPACITY = """image => {
    const context = document.createElement("canvas").getContext("2d");
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, 1, 1).data[3];
}"""
NEXT_FRAME = """() => new Promise(
    done => requestAnimationFrame(() => requestAnimationFrame(done)))"""
# Tables with a cell beyond the screen, or with a text beyond its cell.
CUT_TABLES = """() => [...document.querySelectorAll("article table")].filter(
    table => [...table.rows].flatMap(row => [...row.cells]).some(cell =>
        cell.offsetWidth && (cell.scrollWidth > cell.offsetWidth
            || cell.getBoundingClientRect().right > innerWidth))
).map(table => table.textContent.trim().slice(0, 60))"""
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
# The headings of stacked tables, and those that the cells of their first rows repeat.
HEADINGS = """() => [...document.querySelectorAll("table.stacked")].filter(
    table => table.tHead?.rows.length == 1
).map(table => [table.tHead.rows[0], table.tBodies[0].rows[0]].map(
    row => [...row.cells].map(c => c.dataset.label ?? c.textContent.trim())))"""


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
    tab.evaluate(NEXT_FRAME)  # after the handlers of the resize event
    seen["overhang"] = tab.evaluate(OVERHANG)
    seen["cut_tables"] = tab.evaluate(CUT_TABLES)
    seen["headings"] = tab.evaluate(HEADINGS)
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


def test_tables_show_all_columns_on_a_phone(visited):
    cut = {page: seen["cut_tables"] for page, seen in visited.items()}
    assert {page: tables for page, tables in cut.items() if tables} == {}


def test_stacked_tables_name_the_columns(visited):
    headings = [pair for seen in visited.values() for pair in seen["headings"]]
    assert len(headings) > 5
    assert [head for head, labels in headings if labels != head] == []


def test_every_example_has_its_thumbnail(tab, address, visited):
    tab.goto(f"{address}auto_examples/index.html")
    thumbnails = tab.locator(".sphx-glr-thumbcontainer img")
    examples = list((ROOT / "examples").glob("*/plot_*.py"))
    assert thumbnails.count() == len(examples) > 0
    sources = thumbnails.evaluate_all("images => images.map(image => image.src)")
    assert not any("no_image" in source for source in sources)


def test_gallery_has_its_groups(tab, address, visited):
    tab.goto(f"{address}auto_examples/index.html")
    headings = [text_of(h) for h in tab.locator("article h2").all()]
    headers = (ROOT / "examples").glob("*/GALLERY_HEADER.rst")
    assert sorted(headings) == sorted(h.read_text().split("\n")[0] for h in headers)


def text_of(element):
    return element.evaluate("e => e.firstChild.textContent")


def test_figures_are_transparent(tab, address, visited):
    opaque, n_figures = [], 0
    for page, seen in visited.items():
        if any(re.search(FIGURES, source) for source, _ in seen["images"]):
            tab.goto(address + page)
            tab.evaluate(SETTLE)
            for image in tab.locator("article img").all():
                source = image.get_attribute("src")
                if re.search(FIGURES, source):
                    n_figures += 1
                    if image.evaluate(OPACITY) > 0:
                        opaque.append((page, source))
    assert n_figures > 20
    assert opaque == []


def test_colors_of_figures_suit_both_themes(tab, address, visited):
    tab.goto(address)
    style = (ROOT / "docs" / "matplotlibrc").read_text()
    colors = set(re.findall(r"\b[0-9a-f]{6}\b", style))
    assert len(colors) > 8
    for theme in ("light", "dark"):
        tab.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        color = tab.evaluate("getComputedStyle(document.body).backgroundColor")
        background = [int(part) for part in re.findall(r"\d+", color)[:3]]
        weak = [c for c in colors if contrast(bytes.fromhex(c), background) < 3]
        assert (theme, weak) == (theme, [])


def contrast(*colors):
    """Return the contrast ratio of WCAG 2.2."""
    parts = [[part / 255 for part in color] for color in colors]
    linear = [
        [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in color]
        for color in parts
    ]
    low, high = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in linear)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("words", "page"), SEARCHES.items())
def test_search_finds(words, page, tab, address, visited):
    tab.goto(f"{address}search.html?q={words}")
    results = tab.locator("#search-results li a")
    results.first.wait_for()
    tab.wait_for_load_state("networkidle")
    links = results.evaluate_all("links => links.map(link => link.href)")
    assert [link for link in links if not leads_somewhere(link, visited, address)] == []
    first = [urldefrag(link)[0].partition("?")[0] for link in links[:FIRST]]
    assert f"{address}{page}.html" in first


def test_sidebar_of_the_api_has_its_sections(tab, address, visited):
    tab.goto(f"{address}api.html")
    sections = tab.locator("article section section")
    names = {
        text_of(section.locator("h2")): section.locator("table a").count()
        for section in sections.all()
    }
    sidebar = tab.locator(".bd-sidebar-primary nav")
    in_sidebar = {
        caption.text_content(): caption.evaluate(
            "e => e.nextElementSibling.children.length"
        )
        for caption in sidebar.locator("p.caption").all()
    }
    assert in_sidebar == names
    assert len(names) > 5


@pytest.mark.parametrize(
    "name", ["LabelSmoothingClassifier", "LabelSmoothingClassifierCV"]
)
def test_parameters_are_grouped(name, tab, address, visited):
    tab.goto(f"{address}generated/sklearn_ls.{name}.html")
    headings = tab.locator("p.parameter-group").all_inner_texts()
    assert headings == [
        *(["Search"] if name.endswith("CV") else []),
        "Smoothing",
        "Network",
        "Optimization",
        "Early stopping",
        "Class weights and label noise",
        "Calibration",
        "Computation",
    ]


def test_bars_are_those_of_the_tables(tab, address, visited):
    tab.goto(f"{address}benchmarks.html")
    figures = tab.locator("figure.bars")
    assert figures.count() > 5
    for figure in figures.all():
        assert "blue" in figure.locator("figcaption").inner_text()
        table = figure.locator("xpath=following::table[1]")
        rows = table.locator("tbody tr").evaluate_all(READ_CELLS)
        head = table.locator("thead tr").evaluate_all(READ_CELLS)
        for panel in figure.locator(".bars-panel").all():
            assert "better" in panel.locator(".bars-axis").inner_text()
            assert panel.locator(".bars-bar").count() > 0
            title = panel.locator(".bars-title").text_content()
            named = (
                [i for i, name in enumerate(head[-1]) if name == title] if head else [1]
            )
            labels = panel.locator(".bars-label").all_text_contents()
            values = panel.locator(".bars-value").all_text_contents()
            shown = [value.replace("\N{MINUS SIGN}", "-") for value in values]
            assert labels == [row[0] for row in rows]
            assert shown in [[value_of(row[i]) for row in rows] for i in named]


def value_of(cell):
    """Return the number of a ratio's runs or of a difference, as a bar shows it."""
    runs = cell.partition(" ± ")[0].split(", ")
    if len(runs) == 1:
        return runs[0]
    return f"{median(map(float, runs)):.{len(runs[0].partition('.')[2])}f}"


def test_pages_describe_themselves(visited):
    for page, seen in visited.items():
        meta = dict(seen["meta"])
        if page != "search.html":
            assert meta["og:title"]
            assert meta["og:url"] == DOCUMENTATION + page


@pytest.mark.parametrize("name", ["llms.txt", "sitemap.xml"])
def test_indexes_list_all_pages(name, visited):
    text = (SITE / name).read_text(encoding="utf-8")
    listed = re.findall(rf"{re.escape(DOCUMENTATION)}([^)<]*)", text)
    hidden = {"index.html", "search.html"}
    assert set(listed) - hidden == set(PAGES) - hidden
    assert len(listed) == len(set(listed))


def test_switcher_knows_this_version(tab, address, visited):
    versions = json.loads((SITE / "_static" / "switcher.json").read_text())
    tab.goto(address)
    version = tab.evaluate("DOCUMENTATION_OPTIONS.theme_switcher_version_match")
    (entry,) = [entry for entry in versions if entry["version"] == version]
    button = tab.locator("button.version-switcher__button").first
    tab.wait_for_function(
        "name => document.querySelector('.version-switcher__button').innerText"
        ".includes(name)",
        arg=entry["name"],
    )
    assert entry["name"] in button.inner_text()


def test_formulas_are_drawn(tab, address, visited):
    tab.goto(f"{address}user_guide/smoothing.html")
    tab.locator("mjx-container").first.wait_for()
    assert tab.locator(".math", has_not=tab.locator("mjx-container")).count() == 0
