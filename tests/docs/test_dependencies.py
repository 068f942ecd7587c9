"""What the product imports is declared in pyproject.toml, and what is declared is pinned in constraints.txt."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tgstudio_dagster.core.home import PROJECT

PRODUCT = ("tgstudio_dagster", "assets", "streamlit_app")
NOT_IMPORTED = {
    "psycopg2-binary": "SQLAlchemy loads it by the URL's name",
    "dagster-webserver": "a process of its own",
    "dagster-postgres": "Dagster loads it by the name in dagster.yaml",
    "python-multipart": "Starlette loads it to read forms",
    "cryptg": "telethon takes it where it is there",
    "pystemmer": "snowballstemmer takes it where it is there",
    "websockets": "uvicorn loads it for the pages' sockets",
    "font-manrope": "files of a font: read, not imported",
    "python-socks": "telethon loads it for a proxy",
    "redis": "limits loads it by the URL's scheme",
}
"""Declared all the same, and why."""
NOT_DECLARED = {"bertopic": "a rival, for who measures topics against it (benchmarks/topic_rivals.py says how)"}


@cache
def declared() -> dict[str, set[str]]:
    """Distributions by extra; the product's own under an empty name."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    return {extra: {_name(line) for line in lines} for extra, lines in groups.items()}


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def imported(root: Path) -> Iterator[tuple[str, Path]]:
    """Each top-level module that a file below names in an import, however deep in a function it stands."""
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((name.name.partition(".")[0], path) for name in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield node.module.partition(".")[0], path


def missing(roots: tuple[str, ...], known: set[str]) -> dict[str, str]:
    """Modules of no declared distribution, with a file that imports each."""
    local = {*PRODUCT, *NOT_DECLARED, "tests", "benchmarks", *sys.stdlib_module_names}
    distributions = packages_distributions()
    return {
        module: str(path.relative_to(PROJECT))
        for root in roots
        for module, path in imported(PROJECT / root)
        if module not in local and not {_name(name) for name in distributions.get(module, [])} & known
    }


def test_what_the_product_imports_is_declared() -> None:
    optional = set().union(*(declared()[extra] for extra in ("proxy", "openai", "redis", "ml")))
    assert missing(PRODUCT, declared()[""] | optional) == {}


def test_what_tests_and_benchmarks_import_is_declared() -> None:
    assert missing(("tests", "benchmarks"), set().union(*declared().values())) == {}


def test_what_is_declared_is_imported_or_known_to_be_loaded_otherwise() -> None:
    distributions = packages_distributions()
    used = {
        _name(name)
        for root in PRODUCT
        for module, _ in imported(PROJECT / root)
        for name in distributions.get(module, [])
    }
    assert declared()[""] - used - NOT_IMPORTED.keys() == set()


@pytest.mark.parametrize("name", sorted(declared()[""]))
def test_what_is_declared_is_pinned(name: str) -> None:
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    assert name in {_name(line) for line in lines if "==" in line}
