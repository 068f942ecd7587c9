"""The REST interface's description (OpenAPI) as Markdown and as a page of HTML, for people. Pure."""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

_METHODS = ("get", "post", "put", "delete")
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}"
    "table{border-collapse:collapse;width:100%;display:block;overflow-x:auto}"
    "td,th{border:1px solid #c9ced6;padding:.3rem .5rem;text-align:left;vertical-align:top}"
    "code,pre{font-family:ui-monospace,monospace;font-size:.9em}pre{background:#f3f4f6;padding:.7rem;overflow:auto}"
    "a{color:#0b5cad}@media(prefers-color-scheme:dark){body{background:#14171c;color:#e4e7eb}a{color:#7db8f5}"
    "pre{background:#1f242b}td,th{border-color:#3a414b}}"
)


def page(spec: dict[str, Any]) -> str:
    """The description as HTML."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown(spec))
    # What a shape's name links to.
    body = re.sub(r"<h3>(\w+)</h3>", lambda heading: f'<h3 id="{heading[1].lower()}">{heading[1]}</h3>', body)
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<title>TG Studio {escape(spec['info']['version'])}: the API</title>"
    )
    return f'<!doctype html><html lang="en"><head>{head}</head><body><main>{body}</main></body></html>'


def markdown(spec: dict[str, Any]) -> str:
    """The description as Markdown: a section for each noun, and the shapes of what is sent and answered."""
    lines = ["# The REST API", "", "Made by `python -m tgstudio_dagster.web.api.reference docs/api.md`.", ""]
    lines += [spec["info"]["description"].strip(), ""]
    by_tag: dict[str, list[str]] = {}
    for path, operations in spec["paths"].items():
        for method in _METHODS:
            if method in operations:
                operation = operations[method]
                by_tag.setdefault(operation.get("tags", ["other"])[0], []).extend(_operation(path, method, operation))
    for tag, some in by_tag.items():
        lines += [f"## {tag.title()}", "", *some]
    lines += ["## Shapes", ""]
    for name, schema in sorted(spec["components"]["schemas"].items()):
        lines += _shape(name, schema)
    return "\n".join(lines).rstrip() + "\n"


def _operation(path: str, method: str, operation: dict[str, Any]) -> list[str]:
    lines = [f"### {method.upper()} {path}", "", f"{operation.get('summary', '')}.", ""]
    if about := operation.get("description", "").strip():
        lines += [" ".join(about.split()), ""]
    takes = [one for one in operation.get("parameters", []) if one["in"] in ("query", "path")]
    if takes:
        lines += ["| parameter | type | |", "|---|---|---|"]
        for one in takes:
            about = one.get("description") or one["schema"].get("description", "")
            needed = " Required." if one.get("required") and one["in"] == "query" else ""
            lines.append(f"| `{one['name']}` ({one['in']}) | {_type(one['schema'])} | {_cell(about)}{needed} |")
        lines.append("")
    sent = operation.get("requestBody", {}).get("content", {})
    if sent:
        lines += [f"Sends {_type(next(iter(sent.values()))['schema'])}.", ""]
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            content: dict[str, Any] = answer.get("content", {})
            lines += [f"Answers {status}{f': {_answer(content)}' if content else ''}.", ""]
    return lines


def _answer(content: dict[str, Any]) -> str:
    """The shape that is answered, or the types of the file that it may be."""
    if len(content) > 1:
        return f"a file ({', '.join(f'`{kind}`' for kind in content)})"
    return _type(next(iter(content.values())).get("schema", {}))


def _shape(name: str, schema: dict[str, Any]) -> list[str]:
    lines = [f"### {name}", ""]
    if about := schema.get("description", "").strip():
        lines += [" ".join(about.split()), ""]
    if "enum" in schema:
        lines += [_type(schema), ""]
    if properties := schema.get("properties"):
        lines += ["| field | type | |", "|---|---|---|"]
        for field, one in properties.items():
            about = _cell(one.get("description", ""))
            if "default" in one and one["default"] not in (None, [], {}):
                about += f" Default: `{json.dumps(one['default'], ensure_ascii=False)}`."
            elif field not in schema.get("required", []):
                about += " Optional."
            lines.append(f"| `{field}` | {_type(one)} | {about.strip()} |")
        lines.append("")
    return lines


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(dict.fromkeys(_type(one) for one in schema[key]))
    if "allOf" in schema:
        return _type(schema["allOf"][0])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}" if schema.get("items") else "list"
    kind = {"date-time": "time", "date": "day", "binary": "bytes", "password": "secret"}.get(schema.get("format", ""))
    limits = [
        f"{word} {schema[key]}"
        for key, word in (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"))
        if key in schema
    ]
    return " ".join([kind or schema.get("type", "anything"), *limits])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
