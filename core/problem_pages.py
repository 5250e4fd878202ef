"""`/problems/{code}`: what an error means and what to do, for the person who sees it.

The pages are the sections of docs/errors.md, so there is one text, and tests hold it complete.
"""

import re
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe

from core.routes import either_way

_SECTION = re.compile(r"^### (?P<code>[a-z0-9-]+)\n(?P<text>.*?)(?=^##|\Z)", re.M | re.S)


def sections(text: str) -> dict[str, str]:
    """The text below each `### code` heading of the page."""
    return {found["code"]: found["text"].strip() for found in _SECTION.finditer(text)}


@lru_cache(maxsize=1)
def _pages() -> dict[str, SafeString]:
    page = Path(settings.BASE_DIR) / "docs" / "errors.md"
    return {code: _html(text) for code, text in sections(page.read_text("utf-8")).items()}


def _html(text: str) -> SafeString:
    """Paragraphs and `code` of our own Markdown; all else is shown as it stands."""
    paragraphs = [escape(" ".join(part.split())) for part in text.split("\n\n")]
    marked = "".join(f"<p>{paragraph}</p>\n" for paragraph in paragraphs)
    # Escaped above, and the text is a file of ours.
    return mark_safe(re.sub(r"`([^`]+)`", r"<code>\1</code>", marked))  # noqa: S308


@require_safe
@cache_control(public=True, max_age=3600)
def problem_page(request: HttpRequest, code: str) -> HttpResponse:
    """The explanation of one code; 404 for a code that does not exist."""
    explanation = _pages().get(code)
    if explanation is None:
        raise Http404
    return render(request, "core/problem.html", {"code": code, "explanation": explanation})


urlpatterns = either_way("problems/<slug:code>/", problem_page, name="problem")
