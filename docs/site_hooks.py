"""What mkdocs is told of pages that lie outside of docs/: they are part of the site, and links to them hold.

Pages are written for the repository, where a link is a path between files. In the site every linked file
of the repository is there as well: a page as a page, any other file as it is.
"""

from __future__ import annotations

import os
import posixpath
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
# Inline links and pictures of Markdown that name a file: [text](path#anchor).
LINK = re.compile(r"(!?\[[^\]]*\])\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)")
# Blocks and code spans are no links, whatever they look like.
CODE = re.compile(r"(^ *```.*?^ *```$|`[^`\n]*`)", re.DOTALL | re.MULTILINE)


def brought() -> list[Path]:
    """Return the pages from outside of docs/, relative to the repository; the site has a front of its own."""
    pages = [ROOT / name for name in ("ARCHITECTURE.md", "CHANGELOG.md", "SECURITY.md")]
    pages += sorted((ROOT / "examples").glob("*/README.md"))
    return [page.relative_to(ROOT) for page in pages]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add those pages, and the files that any page of the site links to."""
    pages = {ROOT / "docs" / file.src_uri: file.src_uri for file in files.documentation_pages()}
    for path in brought():
        files.append(File.generated(config, path.as_posix(), abs_src_path=str(ROOT / path)))
        pages[ROOT / path] = path.as_posix()
    for page in pages:
        for target in targets(page):
            if target.is_file() and files.get_file_from_path(home(target)) is None:
                files.append(File.generated(config, home(target), abs_src_path=str(target)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn links between files of the repository into links between those of the site; a folder is none."""
    source = Path(page.file.abs_src_path or "")
    here = PurePosixPath(page.file.src_uri).parent

    def turned(match: re.Match[str]) -> str:
        text, path, anchor = match.groups(default="")
        target = resolved(source, path)
        if target.is_dir():
            return text.strip("[]")
        return f"{text}({posixpath.relpath(home(target), here)}{anchor})" if target.exists() else match[0]

    parts = CODE.split(markdown)
    return "".join(part if number % 2 else LINK.sub(turned, part) for number, part in enumerate(parts))


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:  # noqa: ARG001
    """Give the theme's search a name, which screen readers say."""
    dialog = 'data-md-component="search" role="dialog"'
    return output.replace(dialog, f'{dialog} aria-label="Search"')


def targets(page: Path) -> list[Path]:
    """Return what the page links to within the repository, there or not."""
    parts = CODE.split(page.read_text(encoding="utf-8"))[::2]
    return [resolved(page, link) for part in parts for _, link, _ in LINK.findall(part)]


def resolved(page: Path, link: str) -> Path:
    """Return the file of the repository that a link of a page means."""
    return Path(os.path.normpath(page.parent / link))


def home(path: Path) -> str:
    """Return where a file of the repository lies in the site's sources: that of docs/ at the top."""
    within = path.relative_to(ROOT)
    return (within.relative_to("docs") if within.parts[0] == "docs" else within).as_posix()
