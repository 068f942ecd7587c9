"""The web app's process: `python -m tgstudio_dagster.web`, as `tgstudio up` and the container start it."""

from __future__ import annotations

import sys

import uvicorn

from tgstudio_dagster.errors import TGStudioError
from tgstudio_dagster.settings import settings, web_settings
from tgstudio_dagster.web.app import build_app
from tgstudio_dagster.web.platform import Platform


def main() -> None:
    """Serve until the process is asked to end."""
    try:
        web = web_settings()
        platform = Platform.open(settings(), web)
    except TGStudioError as error:
        sys.exit(f"error: {error}")
    try:
        uvicorn.run(
            build_app(platform),
            host=web.host,
            port=web.port,
            # Proxies are believed as TGSTUDIO_WEB_TRUSTED_PROXIES says, not as uvicorn would: this machine's own, always.
            proxy_headers=False,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=5,
        )
    finally:
        platform.close()


if __name__ == "__main__":
    main()
