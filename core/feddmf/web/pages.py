"""Pages: templates of one console, with what stands on each of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from feddmf.web.assets import asset_path
from feddmf.web.formats import FILTERS
from feddmf.web.problems import Problem

__all__ = ["Pages", "Section", "SharedPages"]

_HERE = "feddmf.web"


@dataclass(frozen=True)
class Section:
    """An entry of a console's navigation; roles: to whom it is shown, to all without."""

    title: str
    path: str
    roles: frozenset[str] | None = None

    def holds(self, path: str) -> bool:
        """Tell whether a page is in this section."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


class Pages:
    """Renders the templates of `package`; subject: of whom the console is, and as of now."""

    def __init__(
        self, package: str, *, console: str, subject: Callable[[], str], sections: Sequence[Section]
    ) -> None:
        self._console = console
        self._subject = subject
        self._sections = tuple(sections)
        self._templates = Environment(
            loader=ChoiceLoader([PackageLoader(package), PackageLoader(_HERE)]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(FILTERS)
        self._templates.globals["asset"] = asset_path

    def show(
        self, request: Request, template: str, *, title: str, status: int = 200, **context: Any
    ) -> HTMLResponse:
        """Return a whole page; `context` is what the template names."""
        holder = request.scope["state"].get("holder")
        about = {
            "title": title,
            "console": self._console,
            "subject": self._subject(),
            "who": holder,
            "path": request.url.path,
            "sections": self._shown(holder),
            "active": next((each for each in self._sections if each.holds(request.url.path)), None),
        }
        text = self._templates.get_template(template).render(**about, **context)
        return HTMLResponse(text, status)

    def part(self, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
        """Return a part of a page, to be put in the place of an earlier one."""
        return HTMLResponse(self._templates.get_template(template).render(**context), status)

    def problem(self, request: Request, problem: Problem) -> HTMLResponse:
        """Return the page, or for a live part of one the part, that says what is wrong and what to do."""
        told = {"error": problem.error.message, "hint": problem.error.hint, "code": problem.status}
        if "hx-request" in request.headers:
            return self.part("problem_part.html", status=problem.status, **told)
        return self.show(request, "problem.html", title="That did not work", status=problem.status, **told)

    def _shown(self, holder: Any) -> tuple[Section, ...]:
        if holder is None:
            return ()
        return tuple(each for each in self._sections if each.roles is None or str(holder.role) in each.roles)


def _pages(request: Request) -> Pages:
    pages: Pages = request.app.state.pages
    return pages


SharedPages = Annotated[Pages, Depends(_pages)]
"""The pages of the app, for its routes."""
