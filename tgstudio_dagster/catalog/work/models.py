"""Tables of work: orders and edits, bundles, rules, watches, uploads, imports and their rejects.

One class is one table; no query belongs here.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Float, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tgstudio_dagster.catalog.base import ID_LENGTH, KEY_LENGTH, Base, TenantOwned, one_of
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.ids import new_id
from tgstudio_dagster.core.vocabulary import Goal, Language, PlatformName, Tone


class Order(TenantOwned, Base):
    """A request to turn a topic of a day, or chosen messages, into packages.

    The id, `<tenant>-<ulid>`, is its partition key in Dagster. Either `topic_id` or `messages` is set; `messages` are
    pairs of channel_id and msg_id within the window that ends with `day`. `goal` is how far it is to be worked: to the
    text, the image briefs, the images or the packages; a goal that is raised queues it again. `cancel_at` is when its
    user asked to stop it. `subject` is the title that the topic had; null for messages, and for orders older than this column.

    One run at a time fulfils it. `token` grows with every run that takes it (a fencing token), `holder` is the process
    of the run that has it, believed until `held_until`. `wish` counts how often people have asked for it: 1, and one
    more whenever it is queued again.
    """

    __tablename__ = "orders"
    __table_args__ = (
        CheckConstraint(one_of("status", "queued", "running", "done", "failed", "cancelled"), name="status"),
        CheckConstraint(one_of("goal", "text", "briefs", "images", "packages"), name="goal"),
        CheckConstraint("(topic_id is null) <> (messages is null)", name="subject"),
        Index(None, "status", "id"),
        Index(None, "tenant", "id"),
        Index(None, "tenant", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(String(KEY_LENGTH), primary_key=True)
    topic_id: Mapped[str | None] = mapped_column(String(40))
    subject: Mapped[str | None] = mapped_column(Text)
    messages: Mapped[list[list[int]] | None] = mapped_column(JSON(none_as_null=True))
    day: Mapped[date]
    platforms: Mapped[list[PlatformName]] = mapped_column(JSON)
    language: Mapped[Language] = mapped_column(String(5))
    tone: Mapped[Tone] = mapped_column(String(20))
    goal: Mapped[Goal] = mapped_column(String(10), default="packages")
    rule_id: Mapped[str | None] = mapped_column(String(ID_LENGTH), ForeignKey("rules.id"))
    created_by: Mapped[str | None] = mapped_column(String(ID_LENGTH), ForeignKey("users.id"))
    created_at: Mapped[datetime]
    status: Mapped[str] = mapped_column(String(10), default="queued")
    run_id: Mapped[str | None] = mapped_column(String(64))
    error: Mapped[str | None] = mapped_column(Text)
    cancel_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    wish: Mapped[int] = mapped_column(default=1)
    token: Mapped[int] = mapped_column(BigInteger, default=0)
    holder: Mapped[str | None] = mapped_column(String(300))
    holder_started: Mapped[float | None] = mapped_column(Float(53))
    held_until: Mapped[datetime | None]


class PackageEdit(TenantOwned, Base):
    """A person's version of a package: what is previewed and exported in place of the text that was made. Never changed.

    `n` counts the versions of a package from 1; null `image` keeps the package's own, else it is the n of one of the
    order's images.
    """

    __tablename__ = "package_edits"

    order_id: Mapped[str] = mapped_column(String(KEY_LENGTH), ForeignKey("orders.id"), primary_key=True)
    platform: Mapped[PlatformName] = mapped_column(String(20), primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    text: Mapped[str] = mapped_column(Text)
    hashtags: Mapped[list[str]]
    image: Mapped[int | None]
    created_by: Mapped[str | None] = mapped_column(String(ID_LENGTH), ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Bundle(TenantOwned, Base):
    """A request for analysts' files: tables of a range of days, as one archive among the tenant's files."""

    __tablename__ = "bundles"
    __table_args__ = (CheckConstraint(one_of("status", "queued", "running", "done", "failed"), name="status"),)

    id: Mapped[str] = mapped_column(String(KEY_LENGTH), primary_key=True)
    first: Mapped[date]
    last: Mapped[date]
    tables: Mapped[list[str]]
    format: Mapped[str] = mapped_column(String(10))
    status: Mapped[str] = mapped_column(String(10), default="queued")
    run_id: Mapped[str | None] = mapped_column(String(64))
    uri: Mapped[str | None] = mapped_column(Text)
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    error: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[str | None] = mapped_column(String(ID_LENGTH), ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class Rule(TenantOwned, Base):
    """A standing wish of a tenant, for example: order the three top topics every morning."""

    __tablename__ = "rules"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(40))
    definition: Mapped[dict[str, Any]]
    enabled: Mapped[bool] = mapped_column(default=True)
    created_by: Mapped[str | None] = mapped_column(String(ID_LENGTH), ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Watch(TenantOwned, Base):
    """What a program watches: posts that fit `definition`; `seen` is the cursor up to which it was told of them."""

    __tablename__ = "watches"
    __table_args__ = (UniqueConstraint("tenant", "name"),)

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(200))
    definition: Mapped[dict[str, Any]]
    seen: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[str | None] = mapped_column(String(ID_LENGTH), ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)


class Upload(TenantOwned, Base):
    """An export or dump that waits to be imported by a run: uploaded by a person, or (`path`) named by the operator.

    The bytes of an upload lie in the lake below `uploads/` as `<id>.<extension>` until the row is done, failed or
    cancelled. `position` of `total` is how far the file at hand is, in its source's unit; the four counts are of messages
    and posts since the upload's first attempt. `attempts` counts the runs that began it.
    """

    __tablename__ = "uploads"
    __table_args__ = (
        CheckConstraint(one_of("status", "waiting", "running", "done", "failed", "cancelled"), name="status"),
        Index(None, "status", "id"),
    )

    id: Mapped[str] = mapped_column(String(KEY_LENGTH), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    extension: Mapped[str] = mapped_column(String(16), default="")
    path: Mapped[str | None] = mapped_column(Text)
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[str | None] = mapped_column(String(64))
    options: Mapped[dict[str, Any]] = mapped_column(default=dict)
    status: Mapped[str] = mapped_column(String(10), default="waiting")
    run_id: Mapped[str | None] = mapped_column(String(64))
    attempts: Mapped[int] = mapped_column(default=0)
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    total: Mapped[int] = mapped_column(BigInteger, default=0)
    read: Mapped[int] = mapped_column(BigInteger, default=0)
    landed: Mapped[int] = mapped_column(BigInteger, default=0)
    filtered: Mapped[int] = mapped_column(BigInteger, default=0)
    rejected: Mapped[int] = mapped_column(BigInteger, default=0)
    filtered_by: Mapped[dict[str, Any]] = mapped_column(default=dict)
    rejected_by: Mapped[dict[str, Any]] = mapped_column(default=dict)
    dropped_by: Mapped[dict[str, Any]] = mapped_column(default=dict)
    local_times: Mapped[int] = mapped_column(BigInteger, default=0)
    time_zone: Mapped[str] = mapped_column(String(60), default="")
    skipped_files: Mapped[int] = mapped_column(default=0)
    first_day: Mapped[date | None]
    last_day: Mapped[date | None]
    error: Mapped[str | None] = mapped_column(Text)
    created_by: Mapped[str | None] = mapped_column(String(ID_LENGTH), ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
    finished_at: Mapped[datetime | None]

    @property
    def ended(self) -> bool:
        """Whether nothing more will be done for it."""
        return self.status in {"done", "failed", "cancelled"}


class ImportState(TenantOwned, Base):
    """An import of one file: how far it came, and what it counted. Counts are totals since its beginning."""

    __tablename__ = "imports"
    __table_args__ = (
        UniqueConstraint("tenant", "source_hash"),
        CheckConstraint(one_of("status", "running", "done", "failed"), name="status"),
    )

    id: Mapped[str] = mapped_column(String(KEY_LENGTH), primary_key=True)
    path: Mapped[str] = mapped_column(Text)
    source_hash: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(40))
    status: Mapped[str] = mapped_column(String(10), default="running")
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    state: Mapped[str] = mapped_column(Text, default="{}")
    upload_id: Mapped[str | None] = mapped_column(String(KEY_LENGTH), ForeignKey("uploads.id"))
    read: Mapped[int] = mapped_column(BigInteger, default=0)
    landed: Mapped[int] = mapped_column(BigInteger, default=0)
    filtered: Mapped[int] = mapped_column(BigInteger, default=0)
    rejected: Mapped[int] = mapped_column(BigInteger, default=0)
    error: Mapped[str | None] = mapped_column(Text)
    started_at: Mapped[datetime] = mapped_column(default=utc_now)
    updated_at: Mapped[datetime] = mapped_column(default=utc_now, onupdate=utc_now)
    finished_at: Mapped[datetime | None]

    @property
    def done(self) -> bool:
        """Whether the whole file has been imported."""
        return self.status == "done"


class ImportReject(TenantOwned, Base):
    """A message that could not be imported, and why. One position of a file is rejected at most once."""

    __tablename__ = "import_rejects"

    import_id: Mapped[str] = mapped_column(String(KEY_LENGTH), ForeignKey("imports.id"), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(Text)
    excerpt: Mapped[str] = mapped_column(Text)
