"""What the pages' source must keep to: caches by tenant, no Dagster, no HTML without escaping that somebody else wrote."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.streamlit_app.reader import APP

SOURCES = sorted(APP.rglob("*.py"))
_CACHES = ("cache_data", "cache_resource")


def _decorators(tree: ast.AST) -> Iterator[tuple[ast.FunctionDef, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for one in node.decorator_list:
                called = one.func if isinstance(one, ast.Call) else one
                yield node, ast.unparse(called)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(APP)))
def test_what_is_cached_has_the_tenant_as_its_first_argument(source: Path) -> None:
    for function, name in _decorators(ast.parse(source.read_text(encoding="utf-8"))):
        if name.rpartition(".")[2] in _CACHES:
            first = next(iter([*function.args.posonlyargs, *function.args.args]), None)
            assert first is not None and first.arg == "tenant_id", f"{source.name}: {function.name}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(APP)))
def test_a_cache_is_made_by_a_decorator_only(source: Path) -> None:
    """Where it is called some other way the test above does not see it."""
    tree = ast.parse(source.read_text(encoding="utf-8"))
    decorators = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for one in node.decorator_list
        for part in ast.walk(one)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in _CACHES:
            assert id(node) in decorators, f"{source.name}:{node.lineno}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(APP)))
def test_pages_import_neither_dagster_nor_what_starts_runs(source: Path) -> None:
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            assert name.partition(".")[0] != "dagster" and not name.startswith("tgstudio_dagster.orchestration"), name


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(APP)))
def test_markdown_is_never_given_raw_html(source: Path) -> None:
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword):
            assert node.arg != "unsafe_allow_html", f"{source.name}:{node.value.lineno}"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(APP)))
def test_html_is_escaped_by_the_function_that_makes_texts_harmless_too(source: Path) -> None:
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.ImportFrom) and node.module == "html"), "take escape from core/text.py"
        assert not (isinstance(node, ast.Import) and any(one.name == "html" for one in node.names))
