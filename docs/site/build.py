"""Builds the documentation as a site, into target/site.

    pip install mkdocs
    python docs/site/build.py

The site has the pages of the repository, in the same folders. A link to a file that is not a page of the site becomes plain
text. Warnings are errors.
"""

import logging
import pathlib
import re
import shutil
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
SOURCE = TOP / "target/site-source"
SITE = TOP / "target/site"
PAGES = [
    "README.md", "BENCHMARKS.md", "CHANGELOG.md", "CONTRIBUTING.md", "RELEASING.md", "SECURITY.md", "examples/README.md",
    "crates/vetassist-audit/README.md", "crates/vetassist-core/README.md", "crates/vetassist-py/README.md",
    "crates/vetassist-wasm/npm/README.md",
]
_LINK = re.compile(r"\[([^\]]+)\]\(([^)#\s]+)(#[^)]*)?\)")


def anchor(heading: str, separator: str) -> str:
    """Returns a heading's anchor in the form of GitHub: lower case, hyphens for blanks, no punctuation."""
    kept = "".join(c for c in heading.lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", separator)


def page(path: pathlib.Path) -> str:
    """Returns the Markdown of a page for the site."""
    text = path.read_text(encoding="utf-8")
    # The words after the language state how a block is tested, and are removed.
    text = re.sub(r"^```(\w+) .*$", r"```\1", text, flags=re.MULTILINE)
    # The list of headings shows only the name of a function.
    text = re.sub(r"^### `(\w+)\(.*$", r'\g<0> {: data-toc-label="\1" }', text, flags=re.MULTILINE)

    def link(found: re.Match[str]) -> str:
        label, target, _ = found.groups()
        at = (path.parent / target).resolve()
        is_page = "://" in target or at in pages() or at.is_relative_to(TOP / "docs")
        return found[0] if is_page else label

    return _LINK.sub(link, text)


def pages() -> list[pathlib.Path]:
    """Returns every page of the site."""
    return [TOP / name for name in PAGES] + sorted((TOP / "docs").rglob("*.md"))


def main() -> None:
    """Copies the pages and builds the site."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    shutil.rmtree(SOURCE, ignore_errors=True)
    for path in pages():
        copy = SOURCE / path.relative_to(TOP)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(page(path), encoding="utf-8")
    shutil.copytree(TOP / "docs/images", SOURCE / "docs/images")
    shutil.copy(TOP / "docs/site/site.css", SOURCE)
    # mkdocs.yml names a function of this file.
    sys.path.insert(0, str(pathlib.Path(__file__).parent))
    config = str(pathlib.Path(__file__).with_name("mkdocs.yml"))
    build(load_config(config, docs_dir=str(SOURCE), site_dir=str(SITE), strict=True))
    print(f"{SITE / 'index.html'}")


if __name__ == "__main__":
    main()
