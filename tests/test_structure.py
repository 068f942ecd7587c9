"""The shape of the code: no circle of files, no file too long to read, no field hidden in an error's prose."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
ROOTS = ("tgstudio_dagster", "assets", "streamlit_app")
LONGEST = 400
FIELD = re.compile(r"[A-Za-z][\w.\-\[\]]*: ")
# What Telegram or a table is called is no field of a request.
NOT_FIELDS = ("TelegramError", "ContractError", "ValueError", "TypeError")


def modules() -> dict[str, Path]:
    """All modules of the product by their dotted names."""
    found = {}
    for root in ROOTS:
        for path in (PROJECT / root).rglob("*.py"):
            name = ".".join(path.relative_to(PROJECT).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = path
    return found


def imports(tree: ast.AST, known: Mapping[str, Path]) -> Iterator[str]:
    """The product's modules that one imports: within functions and for type checkers too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in known else node.module for name in names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Groups of modules of which each reaches all others (Tarjan's strongly connected components of two and more)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    groups: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for other in graph.get(name, ()):
            if other not in order:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in stack:
                lowest[name] = min(lowest[name], order[other])
        if lowest[name] == order[name]:
            start = stack.index(name)
            if len(stack) - start > 1:
                groups.append(sorted(stack[start:]))
            del stack[start:]

    for name in graph:
        if name not in order:
            visit(name)
    return groups


def test_no_files_import_each_other_in_a_circle() -> None:
    known = modules()
    graph: defaultdict[str, set[str]] = defaultdict(set)
    for name, path in known.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        graph[name] = {other for other in imports(tree, known) if other in known and other != name}
    assert circles(graph) == []


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}, "c": {"a"}}, [["a", "b"]]),
        ({"a": {"b"}, "b": {"c"}, "c": {"d", "b"}, "d": {"e"}, "e": {"d"}}, [["d", "e"], ["b", "c"]]),
    ],
)
def test_circles_are_found(graph: dict[str, set[str]], expected: list[list[str]]) -> None:
    assert circles(graph) == expected


def test_an_import_within_a_function_or_for_type_checkers_counts() -> None:
    tree = ast.parse(
        "def f():\n    from tgstudio_dagster.core import errors\nif TYPE_CHECKING:\n    import tgstudio_dagster.core.ids"
    )
    assert set(imports(tree, modules())) == {"tgstudio_dagster.core.errors", "tgstudio_dagster.core.ids"}


def test_no_file_is_longer_than_a_reader_s_patience() -> None:
    folders = (*ROOTS, "tests", "benchmarks")
    files = [path for folder in folders for path in (PROJECT / folder).rglob("*.py")]
    lengths = {str(path.relative_to(PROJECT)): len(path.read_bytes().splitlines()) for path in files}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_an_error_that_names_a_field_has_it_as_an_attribute() -> None:
    """`raise FieldError("name", "…")` or `field="name"`, not `SettingsError("name: …")`: the API tells the field."""
    wrong = []
    for path in modules().values():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
                continue
            if node.func.id.endswith("Error") and node.func.id not in NOT_FIELDS and FIELD.match(_text(node.args[0])):
                wrong.append(f"{path.relative_to(PROJECT)}:{node.lineno}")
    assert wrong == []


def _text(node: ast.expr) -> str:
    """The text of a literal, with what is put in replaced."""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "0" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
