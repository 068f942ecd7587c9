from sqlalchemy import select

from tests.capabilities.example.models import Note
from tgstudio_dagster.catalog.money.plans import limits_within
from tgstudio_dagster.core.errors import ConflictError
from tgstudio_dagster.services.scope import Service, does


class Notes(Service):
    @does("notes.all")
    def all(self) -> list[str]:
        with self.scope.catalog.tenant_session(self.scope.principal) as session:
            return list(session.scalars(select(Note.text).order_by(Note.id)))

    @does("notes.add")
    def add(self, text: str) -> None:
        with self.scope.catalog.tenant_session(self.scope.principal, writing=True) as session:
            if len(session.scalars(select(Note)).all()) >= limits_within(session, self.scope.principal).notes:
                raise ConflictError("the plan allows no more.", field="notes")
            session.add(Note(tenant=self.scope.tenant.slug, text=text))
