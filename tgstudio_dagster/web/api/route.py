"""What every route of the API does alike: refuses what it does not know, answers a repeat once, says when nothing changed.

Who may ask is who.py's matter, how an error reads problems.py's; what is asked, each noun's own module's.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import cached_property
from typing import Any, ClassVar

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Message

from tgstudio_dagster.catalog.people.api_requests import Note
from tgstudio_dagster.catalog.people.idempotency import (
    IdempotentAnswer,
    begin_answer,
    drop_answer,
    finish_answer,
    hash_of,
)
from tgstudio_dagster.core.clock import utc_now
from tgstudio_dagster.core.errors import FieldError, TGStudioError
from tgstudio_dagster.web.problems import status_of
from tgstudio_dagster.web.who import Visitor, identify, platform_of

MAX_BODY = 2**20
"""Bytes of a request's body."""
HEADERS = {"cache-control": "private, no-cache", "vary": "Authorization, Cookie"}
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
# Neither secrets nor what was written: these fields are never kept in the history.
_PRIVATE = frozenset({"code", "confirmation", "password", "phone", "text", "hashtags", "secret", "definition", "url"})
_NOTED = 200

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class ApiRoute(APIRoute):
    """A route of the API. With an Idempotency-Key a POST is done once; fields named in `unkept` are not kept with it."""

    once: ClassVar[bool] = True
    unkept: ClassVar[frozenset[str]] = frozenset({"secret"})

    @cached_property
    def query_names(self) -> frozenset[str]:
        """The names of the parameters that the route takes in the address's query, as its description says."""
        paths = get_openapi(title=self.name, version="", routes=[self])["paths"]
        taken = (taken for path in paths.values() for way in path.values() for taken in way.get("parameters", []))
        return frozenset(parameter["name"] for parameter in taken if parameter["in"] == "query")

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        shape: Any = self.body_field and self.body_field.field_info.annotation
        body: TypeAdapter[Any] | None = TypeAdapter(shape) if shape else None

        async def handle(request: Request) -> Response:
            with platform_of(request).catalog.one_look_up():
                return await answer(request)

        async def answer(request: Request) -> Response:
            started, status, sent = time.perf_counter(), 500, b""
            try:
                request, sent = await _read(request)
                _check_query(request, self.query_names)
                if body is not None and sent:
                    await run_in_threadpool(identify, request)
                    _check_body(body, sent)
                response = await self._once(request, handler)
                status = response.status_code
                return _unless_known(request, response)
            except Exception as error:
                status = _status(error)
                raise
            finally:
                name, seconds = f"{request.method} {self.path_format}", time.perf_counter() - started
                _note(request, sent, name, status, seconds)

        return handle

    async def _once(self, request: Request, handler: Handler) -> Response:
        key = request.headers.get("idempotency-key")
        if key is None or request.method != "POST" or not self.once:
            return await handler(request)
        if not _KEY.fullmatch(key):
            raise FieldError("Idempotency-Key", "write 1 to 200 printable characters, for example a UUID.")
        visitor = await run_in_threadpool(identify, request)
        catalog, tenant = platform_of(request).catalog, visitor.principal.tenant
        mine = hash_of(visitor.key.id if visitor.key else visitor.user.id, key)
        asked = hash_of(request.method, request.url.path, request.url.query, await request.body())
        known = await run_in_threadpool(begin_answer, catalog, tenant, mine, asked, now=utc_now())
        if known is not None:
            return Response(known.body, known.status, {"idempotent-replay": "true"}, "application/json")
        try:
            response = await handler(request)
            kept = _without(bytes(response.body), self.unkept)
            await run_in_threadpool(finish_answer, catalog, tenant, mine, IdempotentAnswer(response.status_code, kept))
        except BaseException:
            await run_in_threadpool(drop_answer, catalog, tenant, mine)
            raise
        return response


class SecretRoute(ApiRoute):
    """A route whose body is a secret or short enough to be guessed from its hash: nothing of it is kept, not even that."""

    once = False


async def _read(request: Request) -> tuple[Request, bytes]:
    """The body, as far as it is not too large, and the request for FastAPI, which reads it once more from there."""
    if request.method not in {"POST", "PUT", "PATCH", "DELETE"}:
        return request, b""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            raise HTTPException(413, f"body: at most {MAX_BODY:,} bytes.")
        parts.append(part)
    body = b"".join(parts)
    messages: Iterator[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Message:
        message = next(messages, None)
        return await request.receive() if message is None else message

    return Request(request.scope, receive), body


def _check_body(body: TypeAdapter[Any], sent: bytes) -> None:
    """FastAPI would take 1 or "yes" for true, and a number for a day."""
    try:
        body.validate_json(sent, strict=True)
    except ValidationError as error:
        # Without what was sent: it may be a password.
        found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_input=False, include_url=False)]
        raise RequestValidationError(found) from None


def _check_query(request: Request, known: frozenset[str]) -> None:
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise RequestValidationError(
            [
                {"loc": ("query", name), "msg": "There is no such parameter.", "type": "extra_forbidden"}
                for name in unknown
            ]
        )


def _unless_known(request: Request, response: Response) -> Response:
    """The answer, or 304 where the caller has it already."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.method != "GET" or response.status_code != 200 or not isinstance(getattr(response, "body", None), bytes):
        return response
    tag = response.headers.get("etag") or f'"{hashlib.sha256(response.body).hexdigest()[:32]}"'
    response.headers["etag"] = tag
    if not is_known(request, tag):
        return response
    kept = {name: response.headers[name] for name in ("etag", *HEADERS) if name in response.headers}
    return Response(status_code=304, headers=kept)


def is_known(request: Request, tag: str) -> bool:
    """Whether the caller says that it has what this tag stands for."""
    sent = request.headers.get("if-none-match")
    if sent is None:
        return False
    return sent.strip() == "*" or tag in {one.strip().removeprefix("W/") for one in sent.split(",")}


def _status(error: Exception) -> int:
    if isinstance(error, TGStudioError):
        return status_of(error)
    if isinstance(error, RequestValidationError):
        return 422
    return error.status_code if isinstance(error, HTTPException) else 500


def _note(request: Request, sent: bytes, name: str, status: int, seconds: float) -> None:
    """Keep a program's call in the history; a person's clicks are none."""
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    if visitor is None or visitor.key is None:
        return
    platform_of(request).history.add(
        Note(
            tenant=visitor.principal.tenant,
            kind="api",
            name=name,
            status=status,
            milliseconds=round(seconds * 1000),
            arguments=_arguments(request, sent),
            api_key_id=visitor.key.id,
            user_id=visitor.user.id,
        )
    )


def _arguments(request: Request, body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {name: str(value) for name, value in request.path_params.items()}
    for name, value in request.query_params.multi_items():
        found[name] = f"{found[name]}, {value}" if name in found else value
    if body:
        try:
            sent = json.loads(body)
        except (ValueError, RecursionError):
            sent = None
        if isinstance(sent, Mapping):
            found |= {str(name)[:100]: _brief(name, value) for name, value in list(sent.items())[:50]}
    return {name: value[:_NOTED] if isinstance(value, str) else value for name, value in found.items()}


def _brief(name: str, value: Any) -> Any:
    """What may be kept of a field: of what was written only how long it is, of a structure only how large."""
    if name in _PRIVATE:
        return f"({len(str(value))} characters)"
    if isinstance(value, list):
        return (
            value if len(value) <= 20 and all(isinstance(one, str | int) for one in value) else f"({len(value)} items)"
        )
    if isinstance(value, Mapping):
        return f"({', '.join(str(key)[:40] for key in list(value)[:20])})"
    return value


def _without(body: bytes, fields: frozenset[str]) -> str:
    text = body.decode()
    if not text:
        return text
    found = json.loads(text)
    if isinstance(found, dict) and fields & set(found):
        return json.dumps(
            {name: None if name in fields else value for name, value in found.items()}, ensure_ascii=False
        )
    return text
