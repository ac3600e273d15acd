"""The pages that Great Expectations draws: one validation, one suite, and the empty frame around the pages of the index."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from functools import cache
from html import escape
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from driftgate.errors import GateError
from driftgate.files import replacing, write_text
from driftgate.storage import DataPath

if TYPE_CHECKING:
    from great_expectations import ExpectationSuite
    from great_expectations.data_context import AbstractDataContext
    from great_expectations.render import RenderedDocumentContent
    from great_expectations.render.view import DefaultJinjaPageView

_PLACE = "driftgate-content"
_ASSETS = "static"
_MARKUP = re.compile(r"<(?=[A-Za-z/!?])|&(?=[#A-Za-z])")
_JOINER = "\u2060"  # word joiner: no width, no line break


def validation_path(stored: DataPath, validations_dir: DataPath) -> str:
    """Return the path of a stored result's page relative to the site; the same as Great Expectations gives it."""
    path = PurePosixPath("validations", stored.relative_to(validations_dir).as_posix())
    return str(path.with_name(f"{stored.name.removesuffix('.json')}.html"))


def stored_path(page: str, validations_dir: DataPath) -> DataPath:
    """Return the stored result that a page of :func:`validation_path` shows.

    Raises
    ------
    GateError
        If the path is not that of a validation's page.
    """
    parts = PurePosixPath(page).parts
    if len(parts) < 2 or parts[0] != "validations" or ".." in parts or not page.endswith(".html"):
        raise GateError(f"{page!r} is not the page of a validation; give its path below the site, as the index links to it")
    return validations_dir.joinpath(*parts[1:]).with_suffix(".json")


def suite_path(name: str) -> str:
    """Return the path of a suite's page relative to the site; the same as Great Expectations gives it."""
    return f"{PurePosixPath('expectations', *name.split('.'))}.html"


def write_page(site: DataPath, page: str, html: str) -> None:
    """Write a page whole.

    Raises
    ------
    GateError
        If it cannot be written.
    """
    try:
        write_text(site / page, html)
    except OSError as error:
        raise GateError(f"the Data Docs page {site / page} cannot be written: {error}; check free space and permissions") from error


def validation_html(content: Mapping[str, Any], asset: str, context: AbstractDataContext) -> str:
    """Draw the page of a stored result.

    Parameters
    ----------
    content
        The stored result, as JSON.
    asset
        Name of the batch for people; Great Expectations knows none for rows that come from memory.
    context
        Where the suite's notes are looked up.
    """
    from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema
    from great_expectations.render.renderer import ValidationResultsPageRenderer

    meta = {**content["meta"], "batch_spec": {**(content["meta"].get("batch_spec") or {}), "data_asset_name": asset}}
    result = expectationSuiteValidationResultSchema.load(without_markup({**content, "meta": meta}))
    return _drawn(f"validation of {asset}", lambda: _page(_titled(ValidationResultsPageRenderer(data_context=context).render(result))))


def suite_html(suite: ExpectationSuite) -> str:
    """Draw the page of a suite."""
    from great_expectations import ExpectationSuite
    from great_expectations.render.renderer import ExpectationSuitePageRenderer

    shown = ExpectationSuite(**without_markup(suite.to_json_dict()))
    return _drawn(f"suite {suite.name}", lambda: _page(_titled(ExpectationSuitePageRenderer().render(shown))))


def without_markup(value: Any) -> Any:
    """Take the meaning as HTML from every text in a JSON value.

    Great Expectations writes values from the batch, names of columns and messages into its pages, some escaped and some as they
    are. An invisible character behind ``<`` and ``&`` makes both come out as the same text, and none as markup.
    """
    if isinstance(value, str):
        return _MARKUP.sub(rf"\g<0>{_JOINER}", value)
    if isinstance(value, Mapping):
        return {without_markup(key): without_markup(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [without_markup(item) for item in value]
    return value


def index_html(content: str, title: str | None, to_root: str) -> str:
    """Put content into the frame of Great Expectations' index page.

    Parameters
    ----------
    content, title
        HTML; the title stands behind "Home" in the navigation bar, None: no such line.
    to_root
        ``""`` at the root of the site, else one ``../`` for each folder.
    """
    frame = _drawn("index", lambda: _page(_frame(title), "index_page.j2"))
    if to_root:
        frame = frame.replace('href="#"', f'href="{to_root}index.html"')
    return frame.replace('"./static/', f'"{to_root}static/').replace(_PLACE, content)


def copy_assets(site: DataPath) -> None:
    """Give the site the images, fonts and styles of Great Expectations."""
    import great_expectations.render.view as view

    source = Path(view.__file__).parent / _ASSETS
    try:
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            with replacing(site / _ASSETS / file.relative_to(source).as_posix()) as temporary:
                shutil.copyfile(file, temporary)
    except OSError as error:
        raise GateError(
            f"the images of Data Docs cannot be written to {site / _ASSETS}: {error}; check free space and permissions"
        ) from error


def version() -> str:
    """Return the version of Great Expectations: other versions may draw other pages."""
    import great_expectations

    return str(great_expectations.__version__)


def _frame(title: str | None) -> RenderedDocumentContent:
    from great_expectations.render import RenderedDocumentContent, RenderedSectionContent, RenderedStringTemplateContent

    place = RenderedStringTemplateContent(content_block_type="string_template", string_template={"template": _PLACE, "tag": "div"})
    place.styling = {"classes": ["col-12", "p-0"]}
    section = RenderedSectionContent(section_name="Validation results", content_blocks=[place])
    return RenderedDocumentContent(renderer_type="SiteIndexPageRenderer", page_title=title, sections=[section])


def _titled(document: RenderedDocumentContent) -> RenderedDocumentContent:
    """Make the title text: the templates of GX take it for HTML."""
    document.page_title = escape(document.page_title)
    return document


def _page(document: RenderedDocumentContent, template: str = "page.j2") -> str:
    html = str(_view().render(document, template=template, show_how_to_buttons=False))
    return html.replace("\\u2060", _JOINER)  # lists of values are shown in Python's notation


@cache
def _view() -> DefaultJinjaPageView:
    """Return the one view of this process; it keeps the templates that it has compiled."""
    from great_expectations.render.view import DefaultJinjaPageView

    return DefaultJinjaPageView()


def compile_templates() -> None:
    """Compile the templates of the pages now, for processes that are forked from this one: it takes longer than to draw a page."""
    templates = _view().env
    for name in templates.list_templates(extensions=["j2"]):
        if not name.startswith("markdown_"):
            templates.get_template(name)


def _drawn(what: str, draw: Callable[[], str]) -> str:
    try:
        return draw()
    except Exception as error:  # the renderers of GX raise many kinds, also for one expectation that they cannot show
        raise GateError(f"Great Expectations could not draw the Data Docs page of the {what}: {error!r}; see its release notes") from error
