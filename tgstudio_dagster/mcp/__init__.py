"""The studio as tools for language models: over streamable HTTP at `/mcp`, and over stdio by `tgstudio mcp`."""
