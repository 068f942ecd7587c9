"""The catalog's one door: the engine, its sessions, and the one place where a tenant's rows are kept apart.

Queries belong in the module of their noun (tenants.py, orders.py, …), tables in models.py.

`tenant_session` filters every select, update and delete of a tenant's rows by the tenant, and refuses to write a row of
another; `session` and `reading` are for what concerns the whole machine.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction, with_loader_criteria
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from tgstudio_dagster.capabilities import Migrations, others
from tgstudio_dagster.catalog import tables  # noqa: F401 (all tables belong to the metadata)
from tgstudio_dagster.catalog.base import TenantOwned
from tgstudio_dagster.catalog.migrations import HEAD, VERSION_TABLE, version_table
from tgstudio_dagster.catalog.people.models import Tenant
from tgstudio_dagster.core.errors import ConflictError, FieldError, NotFoundError

if TYPE_CHECKING:
    from tgstudio_dagster.core.principal import Principal
    from tgstudio_dagster.core.settings import Settings

CatalogFault = SQLAlchemyError
"""What the database raises when it does not answer or fails: for a process that lives on and asks again."""
_P = ParamSpec("_P")
_T = TypeVar("_T")
_THREADS = 4
"""Threads that ask the catalog for an event loop; SQLite lets one write at a time anyway."""
_BUSY_MS = 30_000
"""How long SQLite waits for another process's write before it gives up."""
_LOOKED_UP: ContextVar[dict[tuple[URL, str], Tenant] | None] = ContextVar("tenants looked up", default=None)
"""Tenants that the request at work has looked up, by catalog and slug; None outside of requests."""
_UPGRADE_LOCK = 0x7467_7374
"""PostgreSQL advisory lock that one upgrade holds at a time."""


class Catalog:
    """What people decided, in SQLite or PostgreSQL. Rows that a session returned stay readable after it has closed.

    `writes` counts the transactions of this process that may have written: what was remembered before is old then.
    """

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self.writes = 0
        self._engine = self.engine()
        self._threads: ThreadPoolExecutor | None = None

    @classmethod
    def open(cls, settings: Settings) -> Catalog:
        """The settings' catalog, created or upgraded where needed.

        Raises SettingsError where the database can't be reached, ConflictError where a newer TG Studio has upgraded it.
        """
        catalog = cls(settings.catalog_url)
        try:
            catalog.upgrade()
        except (DBAPIError, OSError) as error:
            where = catalog.url.render_as_string(hide_password=True)
            reason = str(getattr(error, "orig", None) or error).strip()
            raise FieldError("TGSTUDIO_DATABASE_URL", f"the catalog at {where} can't be opened: {reason}") from error
        return catalog

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A transaction over all tenants that may write: committed at the end, rolled back on an error.

        On SQLite it takes the write lock at once, so that what it read can't change before it writes.
        """
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session
        self._written()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A transaction over all tenants that only reads: on SQLite it waits for no writer and holds up none."""
        engine = self._engine.execution_options(tgstudio_reading=True)
        with Session(engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def tenant_session(self, who: Principal | str, *, writing: bool = False) -> Iterator[Session]:
        """A transaction that sees and writes the rows of one tenant only.

        Raises NotFoundError where the tenant does not exist or was deleted, ConflictError on a row of another tenant.
        """
        slug = who if isinstance(who, str) else who.tenant
        engine = self._engine if writing else self._engine.execution_options(tgstudio_reading=True)
        known = _LOOKED_UP.get() if not writing else None
        with _TenantSession(engine, slug) as session, session.begin():
            if known is not None and (tenant := known.get((self.url, slug))) is not None:
                # A copy in this session, without asking the database; it stays for as long as it is held here.
                tenant = session.merge(tenant, load=False)
            else:
                tenant = session.get(Tenant, slug)
                if tenant is None or tenant.deleted_at is not None:
                    raise NotFoundError(f"There is no tenant {slug!r}; `tgstudio tenant list` names those that exist.")
                if known is not None:
                    # Kept apart from the session: one that is rolled back forgets what its rows hold.
                    session.expunge(tenant)
                    known[self.url, slug] = tenant
                    tenant = session.merge(tenant, load=False)
            yield session
        if writing:
            self._written()

    @contextmanager
    def one_look_up(self) -> Iterator[None]:
        """Within it, in this context and the threads it begins, a tenant is looked up once, and anew after a write.

        For one request: what is done for longer must notice that a tenant was deleted meanwhile.
        """
        token = _LOOKED_UP.set({})
        try:
            yield
        finally:
            _LOOKED_UP.reset(token)

    async def ask(self, function: Callable[Concatenate[Catalog, _P], _T], /, *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """What `function(catalog, …)` returns or raises, asked in a thread: the way to the catalog from an event loop.

        A caller that is cancelled meanwhile waits for the end of the transaction, so that none outlives its lease.
        """
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="catalog")
        call = partial(function, self, *args, **kwargs)
        answer = asyncio.get_running_loop().run_in_executor(self._threads, call)
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            await asyncio.wait({answer})
            raise

    def upgrade(self) -> None:
        """Create the tables, or bring them to this version's state; does nothing where they are in it.

        All steps are one transaction, so a killed upgrade leaves the old state; a second process waits for the first.
        """
        if self._versions() == self._heads():
            return
        if self.url.get_backend_name() == "sqlite" and self.url.database:
            _private_file(Path(self.url.database))
        engine = self.engine(pooled=False)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _allow_rebuilding)
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
            _upgrade(connection)
            if connection.dialect.name == "sqlite":
                _check_references(connection)

    def engine(self, *, pooled: bool = True) -> Engine:
        """A new engine on this catalog, for work that needs its own connections; the caller disposes of it."""
        options: dict[str, Any] = {"pool_pre_ping": True} if pooled else {"poolclass": NullPool}
        engine = create_engine(self.url, **options)
        if engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
            event.listen(engine, "begin", _begin_sqlite)
        return engine

    def answers(self) -> bool:
        """Whether the database can be asked."""
        try:
            with self.reading() as session:
                session.execute(text("select 1"))
        except SQLAlchemyError:
            return False
        return True

    @property
    def shared_engine(self) -> Engine:
        """The engine that this process's sessions and leases share; nobody disposes of it but `close`."""
        return self._engine

    def close(self) -> None:
        """Close the connections that are kept open."""
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None
        self._engine.dispose()

    def _written(self) -> None:
        """What was remembered before is old now."""
        self.writes += 1
        known = _LOOKED_UP.get()
        if known is not None:
            known.clear()

    def _heads(self) -> dict[str, str]:
        """The states the tables should be in, by the table that says so: the catalog's own, and each capability's."""
        return {VERSION_TABLE: HEAD} | {version_table(name): steps.head for name, steps in _added_steps().items()}

    def _versions(self) -> dict[str, str | None]:
        """The states the tables are in; empty where there are none."""
        database = self.url.database
        if self.url.get_backend_name() == "sqlite" and (not database or not Path(database).exists()):
            return {}
        with self._engine.execution_options(tgstudio_reading=True).connect() as connection:
            known = set(inspect(connection).get_table_names())
            return {
                table: connection.execute(text(f"select version_num from {table}")).scalar()  # noqa: S608 - our own names
                for table in self._heads().keys() & known
            }


class _TenantSession(Session):
    def __init__(self, engine: Engine, tenant: str) -> None:
        super().__init__(engine, expire_on_commit=False)
        self.tenant = tenant


@event.listens_for(_TenantSession, "do_orm_execute")
def _only_this_tenant(state: ORMExecuteState) -> None:
    session = state.session
    assert isinstance(session, _TenantSession)
    if state.is_insert:
        raise ConflictError("A tenant's session takes rows by add(), where their tenant is checked; not by insert().")
    tenant = session.tenant
    state.statement = state.statement.options(
        with_loader_criteria(TenantOwned, lambda row: row.tenant == tenant, include_aliases=True)
    )


@event.listens_for(_TenantSession, "before_flush")
def _write_only_this_tenant(session: Session, _flush: UOWTransaction, _instances: object) -> None:
    assert isinstance(session, _TenantSession)
    for row in (*session.new, *session.dirty, *session.deleted):
        if isinstance(row, TenantOwned) and row.tenant != session.tenant:
            raise ConflictError(f"A row of tenant {row.tenant!r} can't be written by tenant {session.tenant!r}.")


def without_password(url: str) -> str:
    """A database's URL as it may be shown."""
    return make_url(url).render_as_string(hide_password=True)


def _private_file(path: Path) -> None:
    """Create the database's file readable by its owner only: it will hold (encrypted) Telegram sessions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))


def _prepare_sqlite(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver must not begin transactions itself; _begin_sqlite does
    for pragma in (f"busy_timeout={_BUSY_MS}", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
        connection.execute(f"pragma {pragma}")


def _allow_rebuilding(connection: sqlite3.Connection, _entry: ConnectionPoolEntry) -> None:
    # SQLite changes a table by building it anew and dropping the old one, which enforced references would forbid; the
    # pragma is ignored within a transaction, so it must come before.
    connection.execute("pragma foreign_keys=OFF")


def _check_references(connection: Connection) -> None:
    broken = connection.exec_driver_sql("pragma foreign_key_check").all()
    if broken:
        tables = ", ".join(sorted({f"{row[0]} → {row[2]}" for row in broken}))
        raise ConflictError(
            f"The catalog can't be brought to state {HEAD}: rows refer to others that do not exist ({tables}). It stands "
            "as it was; mend these rows, or restore a backup."
        )


def _begin_sqlite(connection: Connection) -> None:
    # A deferred transaction that reads and then writes fails at once where another process has written in between,
    # whatever the busy timeout: writers queue at their beginning instead.
    reading = connection.get_execution_options().get("tgstudio_reading", False)
    connection.exec_driver_sql("begin" if reading else "begin immediate")


def _added_steps() -> dict[str, Migrations]:
    """The steps of capabilities that are not the studio's own, by their names."""
    return {capability.name: capability.migrations for capability in others() if capability.migrations is not None}


def _upgrade(connection: Connection) -> None:
    """Take all steps that are not taken yet: the catalog's own first, then those of each capability."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "tgstudio_dagster.catalog:migrations")
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
        for name, steps in _added_steps().items():
            config.set_main_option("version_locations", _folder(steps.package))
            config.attributes["version_table"] = version_table(name)
            command.upgrade(config, "head")
    except CommandError as error:
        raise ConflictError(
            f"The catalog can't be brought to state {HEAD} ({error}): a newer TG Studio has upgraded it. Use that one."
        ) from error


def _folder(package: str) -> str:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise FieldError("migrations", f"{package} is no package of Alembic steps.")
    return str(next(iter(spec.submodule_search_locations)))
