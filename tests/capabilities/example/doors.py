import typer
from fastapi import APIRouter

from tests.capabilities.example.service import Notes
from tgstudio_dagster.catalog.database import Catalog
from tgstudio_dagster.core.principal import Principal
from tgstudio_dagster.core.settings import settings
from tgstudio_dagster.lake.store import Lake
from tgstudio_dagster.mcp.envelope import Answer
from tgstudio_dagster.mcp.tool import Arguments, Call, Tool
from tgstudio_dagster.services.scope import Scope
from tgstudio_dagster.web.api.common import OwnStudio
from tgstudio_dagster.web.api.route import ApiRoute

router = APIRouter(route_class=ApiRoute, prefix="/v1")
app = typer.Typer(help="Notes.")


@router.get("/notes")
def notes(studio: OwnStudio) -> list[str]:
    return Notes(studio.scope).all()


@router.post("/notes", status_code=201)
def add(studio: OwnStudio, text: str) -> None:
    Notes(studio.scope).add(text)


def count(call: Call, _: Arguments) -> Answer:
    return Answer({"notes": len(Notes(call.studio.scope).all())})


@app.command("list")
def show(tenant: str) -> None:
    catalog, lake = Catalog.open(settings()), Lake.open(settings())
    typer.echo("\n".join(Notes(Scope.open(Principal(tenant, None, "operator"), catalog, lake)).all()))


TOOLS = (Tool("notes", "Notes", "How many notes there are.", Arguments, count),)
