"""Uploads of pages: to the disk as they come, for who may import. Streamlit is handed the file's name without its bytes.

Where they lie, and how many a session may have, is `services/staged.py`'s; a page opens them there.
"""

from __future__ import annotations

import re
from typing import BinaryIO

import anyio.to_thread
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tgstudio_dagster.core.errors import ForbiddenError, LimitError, NotFoundError, SourceError, TGStudioError
from tgstudio_dagster.services import policy
from tgstudio_dagster.services.platform import Platform
from tgstudio_dagster.web.limits import UPLOADS
from tgstudio_dagster.web.problems import of_error, problem
from tgstudio_dagster.web.who import Visitor

_ADDRESS = re.compile(rf"{re.escape(UPLOADS)}[^/]+/([^/]+)")
_BLOCK = 2**20
"""Bytes that are written, and counted, together."""
_MOST_HEADERS = 2**12
_BOUNDARY = b"tgstudio"


class Uploads:
    """In front of Streamlit's address for files."""

    def __init__(self, app: ASGIApp, platform: Platform) -> None:
        self._app = app
        self._platform = platform

    async def handle(self, scope: Scope, receive: Receive, send: Send, visitor: Visitor, sid: str) -> None:
        """Take one file in, or take one away."""
        staged = self._platform.staged
        try:
            policy.allowed("uploads.upload", visitor.principal, off=self._platform.off(visitor.principal.tenant))
            match = _ADDRESS.fullmatch(scope["path"].removeprefix(scope.get("root_path", "")))
            if match is None:
                raise NotFoundError("there is no such file.")
            file_id = match[1]
            if scope["method"] != "PUT":
                await anyio.to_thread.run_sync(staged.drop, sid, file_id)
                await self._app(scope, receive, send)
                return
            length = Headers(scope=scope).get("content-length", "0")
            if not length.isdigit() or int(length) > staged.largest + _BLOCK:
                raise _too_large(staged.largest)
            staged.check(sid, int(length))
            file = staged.create(sid, file_id)
        except (ForbiddenError, LimitError, NotFoundError) as error:
            await _refusal(error)(scope, receive, send)
            return
        kept = False
        try:
            with file:
                head = await self._write(scope, receive, file, sid)
            kept = await self._hand_on(scope, send, head)
        except (LimitError, SourceError) as error:
            staged.drop(sid, file_id)
            await _refusal(error)(scope, receive, send)
        finally:
            if not kept:
                staged.drop(sid, file_id)

    async def _write(self, scope: Scope, receive: Receive, file: BinaryIO, sid: str) -> bytes:
        """Write the file of the form as it comes; returns its headers."""
        staged = self._platform.staged
        part = _Part(scope)
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise SourceError("the upload broke off.")
            part.feed(message.get("body", b""))
            over = not message.get("more_body")
            if over or len(part.data) >= _BLOCK:
                size += len(part.data)
                if size > staged.largest:
                    raise _too_large(staged.largest)
                block, part.data = bytes(part.data), bytearray()
                await anyio.to_thread.run_sync(file.write, block)
                file.flush()
                staged.check(sid)
            if over:
                return part.head()

    async def _hand_on(self, scope: Scope, send: Send, head: bytes) -> bool:
        """Tell Streamlit of the file; returns whether it knows the session."""
        body = b"--" + _BOUNDARY + b"\r\n" + head + b"\r\n\r\n\r\n--" + _BOUNDARY + b"--\r\n"
        headers = [pair for pair in scope["headers"] if pair[0] not in {b"content-type", b"content-length"}]
        headers += [
            (b"content-type", b"multipart/form-data; boundary=" + _BOUNDARY),
            (b"content-length", str(len(body)).encode()),
        ]
        taken = False

        async def once() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        async def watched(message: Message) -> None:
            nonlocal taken
            if message["type"] == "http.response.start":
                taken = message["status"] < 300
            await send(message)

        await self._app({**scope, "headers": headers}, once, watched)
        return taken


class _Part:
    """The one file of a form: its headers, and what of its bytes is not written yet."""

    def __init__(self, scope: Scope) -> None:
        kind, options = parse_options_header(Headers(scope=scope).get("content-type", ""))
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not boundary:
            raise SourceError("the upload is no form with a file.")
        self.data = bytearray()
        self._parts = 0
        self._headers: list[tuple[bytearray, bytearray]] = []
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_begin": lambda: self._headers.append((bytearray(), bytearray())),
                "on_header_field": lambda data, start, end: self._note(0, data[start:end]),
                "on_header_value": lambda data, start, end: self._note(1, data[start:end]),
                "on_part_data": self._take,
            },
        )

    def feed(self, chunk: bytes) -> None:
        """Take in the next bytes of the form. Raises SourceError where it is none, or has more than one file."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise SourceError("the upload is no form with a file.") from error

    def head(self) -> bytes:
        """The file's headers. Raises SourceError where there was no file."""
        kept = {b"content-disposition", b"content-type"}
        lines = [bytes(name) + b": " + bytes(value) for name, value in self._headers if bytes(name).lower() in kept]
        if self._parts != 1 or not any(b"filename" in line for line in lines):
            raise SourceError("the upload is no form with one file.")
        return b"\r\n".join(lines)

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > 1:
            raise SourceError("one file at a time.")

    def _note(self, which: int, text: bytes) -> None:
        self._headers[-1][which].extend(text)
        if sum(len(name) + len(value) for name, value in self._headers) > _MOST_HEADERS:
            raise SourceError("the file's name is too long.")

    def _take(self, data: bytes, start: int, end: int) -> None:
        self.data += data[start:end]


class _TooLargeError(LimitError):
    """The file is larger than any that is taken in."""


def _too_large(largest: int) -> LimitError:
    return _TooLargeError(f"The file has more than {largest // 2**20} MB, the largest that is taken in here.")


def _refusal(error: TGStudioError) -> Response:
    return problem(413, str(error)) if isinstance(error, _TooLargeError) else of_error(error)
