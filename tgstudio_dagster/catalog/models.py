"""The table of leases: of no subject of its own."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Float, String
from sqlalchemy.orm import Mapped, mapped_column

from tgstudio_dagster.catalog.base import Base


class LeaseRow(Base):
    """Who may do a piece of work now. The row stays when the lease ends, so that the token only ever grows."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    token: Mapped[int] = mapped_column(BigInteger, default=0)
    holder: Mapped[str | None] = mapped_column(String(300))
    holder_started: Mapped[float | None] = mapped_column(Float(53))
    acquired_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
