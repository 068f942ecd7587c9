"""The command that serves language models' tools over stdio."""

from __future__ import annotations


def mcp() -> None:
    """Serve tools for a language model's client over stdio (MCP), with the API key in TGSTUDIO_API_KEY.

    A client starts it (docs/mcp.md shows its settings); it ends when its input does.
    """
    import logging
    import os
    import sys

    from tgstudio_dagster.core.errors import SignInError

    # Taken away: nothing that this process starts is to find it.
    secret = os.environ.pop("TGSTUDIO_API_KEY", "").strip()
    if not secret:
        raise SignInError(
            "not set; make a key in the studio's Settings and set it in the client's file.", field="TGSTUDIO_API_KEY"
        )
    # Standard output is the protocol's.
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    import anyio

    from tgstudio_dagster.core.settings import settings, web_settings
    from tgstudio_dagster.mcp.server import build_local
    from tgstudio_dagster.services.platform import Platform

    platform = Platform.open(settings(), web_settings())

    async def serve() -> None:
        from mcp.server.stdio import stdio_server

        server = build_local(platform, secret)
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())

    try:
        anyio.run(serve)
    except KeyboardInterrupt:
        pass
    finally:
        platform.close()
