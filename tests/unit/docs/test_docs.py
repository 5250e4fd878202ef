"""What the code can say, the docs explain; and what the docs say, is there."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from core.errors import AppError
from core.openapi import document
from core.problem_pages import sections
from core.problems import status_of
from media.tus.errors import TusError
from tests.routes import django_routes

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("core", "users", "media", "posts", "realtime")


def doc(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def sources(*folders: str) -> Iterator[tuple[Path, ast.Module]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path, ast.parse(path.read_text("utf-8"))


def family(kind: type) -> set[type]:
    children: list[type] = kind.__subclasses__()
    return {kind}.union(*map(family, children))


# --- Errors --------------------------------------------------------------------------------------


#: Programs and settings, which do things when they are imported.
_NOT_IMPORTED = re.compile(r"\.(settings|migrations|management|asgi|wsgi|child\w*|\w*launcher)\b")


@pytest.fixture(scope="module", autouse=True)
def _everything_imported() -> None:
    for package in PACKAGES:
        for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            if not re.search(
                r"\.(settings|migrations|management|asgi|wsgi|child\w*)\b", module.name
            ):
                importlib.import_module(module.name)


def ours(kind: type) -> list[type]:
    """The errors of the product itself; tests make some of their own."""
    found = [each for each in family(kind) if each.__module__.split(".")[0] in PACKAGES]
    return sorted((each for each in found if "code" in vars(each)), key=lambda each: each.__name__)


def reasons() -> set[str]:
    """The codes in the `error` of videos and jobs, where they are given to a call as they are."""
    found = set()
    for _, tree in sources("media"):
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = getattr(call.func, "id", "") or getattr(call.func, "attr", "")
            given = [each.value for each in call.keywords if each.arg == "error_code"]
            if name in ("UnreadableMedia", "try_again", "give_up"):
                given += call.args[:1]
            constants = [inner for argument in given for inner in ast.walk(argument)]
            found |= {str(c.value) for c in constants if isinstance(c, ast.Constant)}
    return {code for code in found if re.fullmatch(r"[a-z]+(-[a-z]+)+", code)}


def test_every_error_code_is_explained_and_every_explained_code_exists() -> None:
    explained = set(sections(doc("docs/errors.md")))
    codes = {each.code for kind in (AppError, TusError) for each in ours(kind)}  # type: ignore[attr-defined]
    assert codes | reasons() == explained


def test_every_explanation_begins_with_the_status_that_is_answered() -> None:
    told = sections(doc("docs/errors.md"))
    wrong = []
    for each in ours(AppError):
        assert issubclass(each, AppError)
        if each is not AppError and not told[each.code].startswith(f"{status_of(each()).value}. "):
            wrong.append(each.code)
    for each in ours(TusError):
        assert issubclass(each, TusError)
        if not told[each.code].startswith(f"{each.status}. "):
            wrong.append(each.code)
    assert wrong == []


def test_two_errors_never_share_a_code() -> None:
    codes = [each.code for kind in (AppError, TusError) for each in ours(kind)]  # type: ignore[attr-defined]
    assert len(codes) == len(set(codes))


def test_every_status_of_ours_is_one_of_http_or_tus() -> None:
    statuses = {each.status for each in ours(TusError)}  # type: ignore[attr-defined]
    assert statuses <= {*map(int, HTTPStatus), 460}


# --- Routes --------------------------------------------------------------------------------------


def plain(path: str) -> str:
    return re.sub(r"{\w+}", "{}", path).rstrip("/") or "/"


def documented_routes() -> set[tuple[str, str]]:
    """The `### POST /api/register/` headings of the page."""
    headings = re.findall(r"^### ((?:[A-Z]+, )*[A-Z]+) (/\S*)$", doc("docs/api.md"), re.M)
    return {(method, plain(path)) for methods, path in headings for method in methods.split(", ")}


def test_every_operation_is_documented_and_every_documented_one_exists() -> None:
    described = {
        (method.upper(), plain(path))
        for path, operations in document()["paths"].items()
        for method in operations
    }
    assert described == documented_routes()


def test_every_route_of_the_urlconf_is_documented() -> None:
    assert {plain(route) for route in django_routes()} <= {path for _, path in documented_routes()}


def test_every_branch_of_the_path_switch_is_documented() -> None:
    """core.asgi sends some paths past Django; the page must know each of those prefixes."""
    switch = next(tree for path, tree in sources("core") if path.name == "asgi.py")
    constants = {node.value for node in ast.walk(switch) if isinstance(node, ast.Constant)}
    prefixes = {str(value) for value in constants if re.fullmatch(r"/[\w/]+", str(value))}
    assert prefixes, "the path switch has no prefixes any more: adapt this test"
    for prefix in prefixes:
        assert f"`{prefix}" in doc("docs/api.md") or f" {prefix}" in doc("docs/api.md")


# --- Settings ------------------------------------------------------------------------------------

_READERS = {"get", "text", "integer", "switch", "items", "is_set"}


def settings_read() -> set[str]:
    """The variables that the settings read through Env, and the few that others read."""
    found = {"FFMPEG_BINARY"}
    for _, tree in sources("core/settings"):
        for node in ast.walk(tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in _READERS
                and getattr(node.func.value, "id", "") == "env"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                found.add(str(node.args[0].value))
    return found


def test_every_setting_is_explained_and_every_explained_setting_is_read() -> None:
    explained = set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", doc("docs/settings.md"), re.M))
    assert settings_read() == explained


# --- Commands ------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/api.md"])
def test_every_make_command_that_is_named_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", doc("Makefile"), re.M))
    named = set(re.findall(r"`make ([a-z][a-z-]*)", doc(page)))
    named |= set(re.findall(r"^\s*make ([a-z][a-z-]*)", doc(page), re.M))
    # `make bench-…` names a family.
    assert {name for name in named if not name.endswith("-")} <= targets


def test_every_page_that_is_linked_exists() -> None:
    missing = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text("utf-8")):
            if not (page.parent / target).exists():
                missing.append(f"{page.relative_to(ROOT)}: {target}")
    assert missing == []
