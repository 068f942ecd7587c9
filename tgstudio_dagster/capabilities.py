"""The one list of capabilities: what each adds to the studio, and what is gone where a tenant does not have it.

A capability is a frozen record. What is code in it is named as `module:NAME` and loaded by the room that needs it, so that
this list lies below every room and costs nothing to read. The studio's own stand in `OWN`; others are found by the entry
point group `tgstudio.capabilities`, or by TGSTUDIO_CAPABILITIES (`module:NAME`, several separated by commas).

Which tenants have one is said by their plans and their own limits (catalog/money/switches.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from tgstudio_dagster.core.actions import Action
from tgstudio_dagster.core.errors import FieldError
from tgstudio_dagster.core.settings import settings

GROUP = "tgstudio.capabilities"
_NAME = re.compile(r"[a-z][a-z0-9]{1,25}")


@dataclass(frozen=True)
class CapabilityPage:
    """A page of the studio: `key` is its address, `module` (dotted) the file that draws it, `title` its name by language.

    `group` is its place in the menu (read, make, sources, space), `icon` a Material symbol.
    """

    key: str
    module: str
    title: Mapping[str, str]
    group: str = "make"
    icon: str = "extension"


@dataclass(frozen=True)
class Migrations:
    """How a capability's catalog tables come to be: the package of its Alembic steps, and the name of the newest."""

    package: str
    head: str


@dataclass(frozen=True)
class Capability:
    """What one capability adds. References are `module:NAME`; what is left out it does not add.

    `nouns` are those of its actions: where it is off none of them may be done, by any door. `pages` of the studio's own
    are keys. `default`: whether a tenant has it where neither its plan nor a limit of its own says so.
    """

    name: str
    about: str
    default: bool = True
    nouns: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    """Rows for the policy's table, of a capability that is not the studio's own."""
    pages: tuple[str | CapabilityPage, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)
    """Limits of a plan that it adds, with what holds where the plan says nothing."""
    models: str | None = None
    """Module of its SQLAlchemy models."""
    migrations: Migrations | None = None
    lake_tables: str | None = None
    """A sequence of lake.contract.Table, in a module that imports no more than that."""
    code_version: str = "1"
    """Of what makes these tables: another one makes what was made before stale."""
    assets: str | None = None
    """Module of its Dagster assets."""
    jobs: str | None = None
    """A sequence of Dagster jobs."""
    sensors: str | None = None
    """A sequence of Dagster sensors; each looks at tenants that have the capability (`tenants_with`)."""
    routes: str | None = None
    """A FastAPI router, whose routes ask for a studio (web.who.studio) and have rows among `actions`."""
    tools: str | None = None
    """A sequence of mcp.tool.Tool."""
    commands: str | None = None
    """A Typer app, run as `tgstudio <name> …`."""
    processes: Mapping[str, str] = field(default_factory=dict)
    """Processes that live, by name: modules that `python -m` runs."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise FieldError("name", f"{self.name!r} is no name of a capability: 2 to 26 letters a-z and digits.")
        if strays := sorted(action.name for action in self.actions if action.noun not in self.nouns):
            raise FieldError("actions", f"{', '.join(strays)}: of no noun of the capability {self.name!r}.")

    @property
    def page_keys(self) -> frozenset[str]:
        """The pages that are gone where it is off."""
        return frozenset(page if isinstance(page, str) else page.key for page in self.pages)


OWN = (
    Capability(
        name="newsroom",
        about="Orders, rules, texts, images and packages made from topics.",
        nouns=("orders", "packages", "rules"),
        pages=("exclusive", "packages"),
        lake_tables="tgstudio_dagster.lake.tables.newsroom:TABLES",
    ),
    Capability(
        name="webhooks",
        about="Events posted to addresses of the tenant's.",
        nouns=("webhooks",),
    ),
)
"""The studio's own. What is not listed here (channels, posts, topics, accounts, settings) every tenant has."""


@cache
def capabilities() -> Mapping[str, Capability]:
    """Every capability of this installation by name, the studio's own first.

    Raises FieldError that names TGSTUDIO_CAPABILITIES or the entry point where one can't be loaded, or a name is taken.
    """
    known: dict[str, Capability] = {}
    for source, capability in [*(("", own) for own in OWN), *_others()]:
        if capability.name in known:
            raise FieldError(source, f"there is a capability {capability.name!r} already.")
        known[capability.name] = capability
    return known


def others() -> list[Capability]:
    """Those that are not the studio's own."""
    own = {capability.name for capability in OWN}
    return [capability for name, capability in capabilities().items() if name not in own]


def of_noun(noun: str) -> str | None:
    """The name of the capability whose noun it is; None for what every tenant has."""
    return _by_noun().get(noun)


def of_page(page: str) -> str | None:
    """The name of the capability whose page it is; None for what every tenant has."""
    return next((name for name, capability in capabilities().items() if page in capability.page_keys), None)


def load(reference: str) -> Any:
    """What `module:NAME`, or a module, names. Raises FieldError that says what is wrong with it."""
    module, _, name = reference.partition(":")
    try:
        loaded = import_module(module)
        return getattr(loaded, name) if name else loaded
    except (ImportError, AttributeError) as error:
        raise FieldError("capability", f"{reference} can't be loaded: {error}") from error


def load_all(attribute: str) -> Iterator[tuple[Capability, Any]]:
    """What all that are not the studio's own name as this attribute, loaded."""
    for capability in others():
        reference = getattr(capability, attribute)
        if reference is not None:
            yield capability, load(reference)


def lake_table_owners() -> Mapping[str, str]:
    """By the name of a lake table, the capability that it belongs to."""
    return {
        table.name: name
        for name, capability in capabilities().items()
        if capability.lake_tables is not None
        for table in load(capability.lake_tables)
    }


def hidden_tables(off: Iterable[str]) -> frozenset[str]:
    """The lake tables of these capabilities: what a tenant that lacks them does not see."""
    lacking = set(off)
    return frozenset(table for table, owner in lake_table_owners().items() if owner in lacking)


@cache
def _by_noun() -> Mapping[str, str]:
    return {noun: name for name, capability in capabilities().items() for noun in capability.nouns}


def _others() -> Iterator[tuple[str, Capability]]:
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        yield f"entry point {point.name}", _checked(f"entry point {point.name}", point.value)
    for reference in filter(None, (part.strip() for part in settings().capabilities.split(","))):
        yield "TGSTUDIO_CAPABILITIES", _checked("TGSTUDIO_CAPABILITIES", reference)


def _checked(source: str, reference: str) -> Capability:
    capability = load(reference)
    if not isinstance(capability, Capability):
        raise FieldError(source, f"{reference} is no Capability.")
    return capability
