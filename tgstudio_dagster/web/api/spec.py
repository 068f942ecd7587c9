"""The description of the REST interface: what FastAPI knows of the routes, with the errors and keys that all of them share.

It is served at `/v1/openapi.json`; `rendering.py` makes pages for people of it.
"""

from __future__ import annotations

from inspect import getdoc
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field
from starlette.responses import HTMLResponse

from tgstudio_dagster.web.api.common import Page
from tgstudio_dagster.web.api.rendering import page
from tgstudio_dagster.web.who import CSRF_HEADER

router = APIRouter()
ABOUT = """\
Everything that the studio's pages do, for programs.

**Who asks**: send `Authorization: Bearer tgs_…` with a key from Settings, or a browser's session cookie; unsafe calls
of a session also need the header `X-CSRF-Token` (`GET /v1/me` gives it). A key has scopes: `read`; `order` (follow
channels, order, edit, rules, bundles); `send` (post to Telegram); `admin` (pair and remove accounts, settings, keys).

**Pages**: lists answer `items` and `cursor`. Ask again with `cursor` and the same parameters for the next page; null is the
last. What is added meanwhile neither moves nor repeats anything.

**Nothing new**: answers carry an `ETag`; send it back as `If-None-Match`, and 304 says that you have it already.

**Once**: send an `Idempotency-Key` with a POST: for 24 hours the same key and body give the same answer, and what was
asked is done once. Another body with it is 422; while the first is at work, 409. Pairing takes no key.

**Errors** are `application/problem+json`: `detail` says what was wrong and what to do, `field` which field. 429 and its
`Retry-After` say when to come again. A parameter or field that is not known is refused.
"""
_ERRORS = {
    400: "The request is no sound HTTP.",
    401: "Nobody is signed in, or the key does not hold.",
    403: "Who asks may not: role, scope, address, or the CSRF token.",
    404: "There is no such thing in this tenant.",
    409: "The thing's state or a standing limit does not allow it, or another process is at work on it.",
    413: "The body is larger than 1 MiB.",
    422: "A parameter or field is not valid; `field` names it.",
    429: "A limit of the minute or day is used up, or Telegram asks to wait; `Retry-After` says how long.",
    502: "Telegram or Dagster does not answer.",
    503: "The lake or the vault can't be read.",
}
_ONLY_WITH_BODY = {413}
_NAMED_BY_FASTAPI = {"Page_": getdoc(Page), "Body_": "What a form sends."}
_KEY = {"pattern": r"^[\x21-\x7e]{1,200}$", "maxLength": 200}
_METHODS = ("get", "put", "post", "delete")


class FieldProblem(BaseModel):
    """One field that is not valid."""

    field: str
    detail: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

    type: str = Field(examples=["urn:tgstudio:not-valid"])
    title: str = Field(examples=["Not valid"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["limit: Input should be less than or equal to 200"])
    field: str | None = Field(default=None, description="The field that is to be mended.", examples=["limit"])
    errors: list[FieldProblem] | None = Field(default=None, description="All fields that are not valid.")
    request: str | None = Field(default=None, description="Id of the request, as in X-Request-Id and the log.")


@router.get("/v1/docs", include_in_schema=False)
def docs(request: Request, q: str = "") -> HTMLResponse:
    """The reference as a page, of all routes or those that hold the words of `q`; it needs no script, and nothing from
    elsewhere."""
    state, query = request.app.state, " ".join(q[:100].split())
    if query:
        shown = page(request.app.openapi(), query)
    else:
        if not hasattr(state, "api_reference"):
            state.api_reference = page(request.app.openapi())
        shown = state.api_reference
    policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'"
    return HTMLResponse(shown, headers={"content-security-policy": policy})


def install(app: FastAPI) -> None:
    """Have the app describe itself so."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = describe(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def describe(app: FastAPI) -> dict[str, Any]:
    """The app's OpenAPI description."""
    spec = get_openapi(
        title=app.title, version=app.version, description=ABOUT, routes=app.routes, openapi_version=app.openapi_version
    )
    components = spec.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {}) | {"Problem": problem}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for name, schema in schemas.items():
        # FastAPI names these itself, and their class's words are lost on the way.
        if about := _NAMED_BY_FASTAPI.get(name.split("_")[0] + "_"):
            schema.setdefault("description", about)
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "A key from Settings, `tgs_…`."},
        "session": {"type": "apiKey", "in": "cookie", "name": "tgstudio", "description": "A browser's session."},
    }
    for path, operations in spec["paths"].items():
        for method in _METHODS:
            if method in operations:
                _complete(path, method, operations[method])
    return spec


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    """Add what every route may answer and takes."""
    operation["security"] = [{"key": []}, {"session": []}]
    answers = operation["responses"]
    with_body = method != "get"
    for status, what in _ERRORS.items():
        if with_body or status not in _ONLY_WITH_BODY:
            answers[str(status)] = {
                "description": what,
                "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
            }
    if method == "get":
        answers["304"] = {"description": "Nothing has changed since the answer whose ETag was sent."}
    if not path.startswith("/v1/"):
        return
    takes = operation.setdefault("parameters", [])
    if (
        method == "post"
        and not path.startswith("/v1/auth/")
        and not any(one["name"] == "idempotency-key" for one in takes)
    ):
        takes.append(_header("idempotency-key", "Done once for 24 hours with the same key and body.", _KEY))
    if with_body:
        takes.append(_header(CSRF_HEADER, "With a session's cookie: its token, of `GET /v1/me`."))


def _header(name: str, about: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    schema = {"type": "string", **(schema or {})}
    return {"name": name, "in": "header", "required": False, "schema": schema, "description": about}
