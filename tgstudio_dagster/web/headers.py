"""What every answer tells the browser: what a page may load and from where, that TLS stays, what no page needs.

A route that says otherwise itself (sign-in, files, the description of the interface) keeps what it says.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tgstudio_dagster.core.settings import WebSettings

HSTS = "max-age=31536000"
_UNUSED = (
    "accelerometer", "autoplay", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer", "microphone",
    "midi", "payment", "publickey-credentials-get", "screen-wake-lock", "serial", "usb", "xr-spatial-tracking",
)  # fmt: skip
PERMISSIONS = ", ".join(f"{name}=()" for name in _UNUSED)


class SafeHeaders:
    """Adds the headers to each answer that lacks them; Strict-Transport-Security only where people type https://."""

    def __init__(self, app: ASGIApp, web: WebSettings) -> None:
        self._app = app
        self._headers = {
            "content-security-policy": page_policy(web),
            "permissions-policy": PERMISSIONS,
            "x-content-type-options": "nosniff",
            "referrer-policy": "same-origin",
            "x-frame-options": "SAMEORIGIN",
            "cross-origin-opener-policy": "same-origin",
            **({"strict-transport-security": HSTS} if web.origin.startswith("https://") else {}),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, answer if scope["type"] == "http" else send)


def page_policy(web: WebSettings) -> str:
    """The Content-Security-Policy of the pages: nothing is loaded from, sent to or framed by another host.

    Streamlit's pages need scripts in line, and its charts on WebGL compile theirs (`unsafe-eval`).
    """
    sockets = " ".join(
        f"{'wss' if origin.startswith('https://') else 'ws'}://{urlsplit(origin).netloc}"
        for origin in sorted(web.origins)
    )
    return "; ".join((
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "media-src 'self' blob:",
        "font-src 'self' data:",
        f"connect-src 'self' data: blob: {sockets}",
        "worker-src 'self' blob:",
        "frame-src 'self'",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    ))  # fmt: skip
