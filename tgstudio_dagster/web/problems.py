"""Errors as a program reads them (RFC 9457, `application/problem+json`), and the id that each request carries.

Every error of the product has one status. What went wrong inside is logged and never told.
"""

from __future__ import annotations

import re
from datetime import datetime
from math import ceil
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tgstudio_dagster.core import errors
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.ids import new_id

STATUS: dict[type[errors.TGStudioError], int] = {
    errors.SignInError: 401,
    errors.ForbiddenError: 403,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.LimitError: 409,
    errors.LeaseHeldError: 409,
    errors.SettingsError: 422,
    errors.SourceError: 422,
    errors.QueryError: 422,
    errors.NewsroomError: 422,
    errors.ContractError: 422,
    errors.FloodError: 429,
    errors.QuotaError: 429,
    errors.UnreachableError: 502,
    errors.RunsError: 502,
    errors.TelegramError: 409,
    errors.LakeError: 503,
    errors.LimiterError: 503,
    errors.VaultError: 503,
}
"""By the nearest class; a product's error without one is 500."""
_TITLES = {
    400: "Bad request",
    401: "Not signed in",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    411: "Length required",
    412: "Precondition failed",
    413: "Too large",
    415: "Unsupported media type",
    422: "Not valid",
    429: "Too many requests",
    500: "Internal error",
    502: "Bad gateway",
    503: "Unavailable",
}
_REQUEST_ID = re.compile(r"[\w\-.]{1,64}")


def status_of(error: errors.TGStudioError) -> int:
    """The HTTP status of a product's error."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def problem(
    status: int,
    detail: str,
    *,
    request_id: str | None = None,
    field: str | None = None,
    problems: list[dict[str, str]] | None = None,
    until: datetime | None = None,
    headers: dict[str, str] | None = None,
) -> JSONResponse:
    """The answer to a request that failed; `until` becomes Retry-After, in seconds from now."""
    title = _TITLES.get(status, "Error")
    body: dict[str, Any] = {
        "type": f"urn:tgstudio:{title.lower().replace(' ', '-')}",
        "title": title,
        "status": status,
        "detail": detail,
    }
    if field:
        body["field"] = field
    if problems:
        body["errors"] = problems
    sent = {"cache-control": "no-store", **(headers or {})}
    if request_id:
        body["request"] = sent["x-request-id"] = request_id
    if status == 401:
        sent.setdefault("www-authenticate", "Bearer")
    if until is not None:
        sent["retry-after"] = str(max(1, ceil((until - utc_now()).total_seconds())))
    return JSONResponse(body, status, sent, media_type="application/problem+json")


def of_error(error: errors.TGStudioError, request_id: str | None = None) -> JSONResponse:
    """The answer for a product's error, with the field that it names."""
    until = getattr(error, "until", None)
    return problem(status_of(error), str(error), request_id=request_id, field=error.field, until=until)


def install(app: FastAPI) -> None:
    """Have every error of the app answered so."""
    app.add_exception_handler(errors.TGStudioError, _product)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _fault)


def request_id(request: Request) -> str | None:
    """The id of a request: in its answer's X-Request-Id, its problem and the log."""
    return getattr(request.state, "request_id", None)


async def _product(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.TGStudioError)
    return of_error(error, request_id(request))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = []
    for one in error.errors():
        # ("body", "platforms", 0): where it was sent is no part of its name. What was sent is not repeated.
        place = [str(part) for part in one["loc"]]
        name = ".".join(place[1:]) or place[0]
        found.append({"field": name, "detail": str(one["msg"]).removeprefix("Value error, ")})
    first = found[0]
    return problem(
        422,
        f"{first['field']}: {first['detail']}",
        request_id=request_id(request),
        field=first["field"],
        problems=found,
    )


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(
        error.status_code, str(error.detail), request_id=request_id(request), headers=dict(error.headers or {})
    )


async def _fault(request: Request, _error: Exception) -> Response:
    known = request_id(request)
    return problem(500, f"Something went wrong inside; the log has it as request {known}.", request_id=known)


class RequestIds:
    """Gives each request an id (the caller's, where it sends a sensible X-Request-Id), and names it in each answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = Headers(scope=scope).get("x-request-id", "")
        known = sent if _REQUEST_ID.fullmatch(sent) else new_id()
        scope.setdefault("state", {})["request_id"] = known

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = known
            await send(message)

        await self._app(scope, receive, answer)
