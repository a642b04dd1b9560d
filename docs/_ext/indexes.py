"""Write sitemap.xml, and llms.txt, an index in plain text (https://llmstxt.org)."""

from pathlib import Path

from docutils import nodes
from sphinx.addnodes import desc_content


def write(app, exception):
    """Write both indexes, with the addresses that `html_baseurl` begins."""
    if exception is None and app.builder.format == "html":
        for name, make in {"sitemap.xml": make_sitemap, "llms.txt": make_text}.items():
            Path(app.outdir, name).write_text(make(app), encoding="utf-8")


def make_sitemap(app):
    lines = [
        f"<url><loc>{address(app, page)}</loc></url>"
        for page in sorted(app.env.found_docs)
    ]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="utf-8"?>',
            '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">',
            *lines,
            "</urlset>\n",
        ]
    )


def address(app, page):
    return app.config.html_baseurl + app.builder.get_target_uri(page)


def make_text(app):
    """Return a list of the pages, a part for each page of the root's toctree."""
    root = app.config.root_doc
    pages = app.env.toctree_includes[root]
    below = {page: list(find_below(app.env, page)) for page in pages}
    parts = {"Overview": [page for page in pages if not below[page]]}
    for page in pages:
        if below[page]:
            parts[app.env.titles[page].astext()] = [page, *below[page]]
    text = f"# {app.config.project}\n\n> {app.env.titles[root].astext()}\n"
    for title, members in parts.items():
        lines = "\n".join(link(app, page) for page in members)
        text += f"\n## {title}\n\n{lines}\n"
    return text


def find_below(env, page):
    for other in env.toctree_includes.get(page, []):
        yield other
        yield from find_below(env, other)


def link(app, page):
    """Return the link to a page, with the summary of what it documents, if anything."""
    line = f"- [{app.env.titles[page].astext()}]({address(app, page)})"
    documented = app.env.get_doctree(page).next_node(desc_content)
    if documented is None:
        return line
    return f"{line}: {documented.next_node(nodes.paragraph).astext()}"


def setup(app):
    app.connect("build-finished", write)
    return {"parallel_read_safe": True}
