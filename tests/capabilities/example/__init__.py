"""A capability from outside: notes on topics. This file is what the studio loads; the rest it names."""

from tgstudio_dagster.capabilities import Capability, CapabilityPage, Migrations
from tgstudio_dagster.core.actions import Action

HERE = __name__
NOTES = Capability(
    name="notes",
    about="Notes on topics, and how many words packages have.",
    default=False,
    nouns=("notes",),
    actions=(
        Action("notes.all", routes=("GET /v1/notes",), tools=("notes",), pages=("notes",), commands=("notes list",)),
        Action("notes.add", role="editor", scope="order", what="write notes", routes=("POST /v1/notes",)),
    ),
    pages=(CapabilityPage("notes", f"{HERE}.page", {"ru": "Заметки", "en": "Notes"}, icon="sticky_note_2"),),
    limits={"notes": 3},
    models=f"{HERE}.models",
    migrations=Migrations(f"{HERE}.steps", "1"),
    lake_tables=f"{HERE}.lake:TABLES",
    assets=f"{HERE}.assets",
    jobs=f"{HERE}.assets:JOBS",
    routes=f"{HERE}.doors:router",
    tools=f"{HERE}.doors:TOOLS",
    commands=f"{HERE}.doors:app",
)
