from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from tgstudio_dagster.catalog.base import ID_LENGTH, Base, TenantOwned
from tgstudio_dagster.core.ids import new_id


class Note(TenantOwned, Base):
    __tablename__ = "notes"
    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True, default=new_id)
    text: Mapped[str] = mapped_column(Text)
