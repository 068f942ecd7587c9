"""The REST interface's description (OpenAPI) as Markdown and as a page of HTML, for people. Pure."""

from __future__ import annotations

import json
import re
from html import escape, unescape
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


def page(spec: dict[str, Any], query: str = "") -> str:
    """The description as HTML; of the routes only those that hold every word of the query."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown(matching(spec, query)))
    body = re.sub(
        r"<(h[23])>(.*?)</\1>", lambda head: f'<{head[1]} id="{_anchor(unescape(head[2]))}">{head[2]}</{head[1]}>', body
    )
    # The page has no script: the server looks for what is typed.
    search = (
        '<form method="get" role="search"><label for="q">Search</label> '
        f'<input id="q" name="q" type="search" maxlength="100" value="{escape(query)}"> <button>Find</button></form>'
    )
    body = body.replace("</h1>", f"</h1>{search}", 1)
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<title>TG Studio {escape(spec['info']['version'])}: the API</title>"
    )
    return f'<!doctype html><html lang="en"><head>{head}</head><body><main>{body}</main></body></html>'


def markdown(spec: dict[str, Any]) -> str:
    """The description as Markdown: a section for each noun, and the shapes of what is sent and answered."""
    lines = ["# The REST API", "", spec["info"]["description"].strip(), ""]
    lines += [
        "In the examples `$STUDIO` is the studio's address, such as `http://127.0.0.1:8080`, and `$KEY` a key.",
        "",
    ]
    shapes: dict[str, Any] = spec["components"]["schemas"]
    by_tag: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, operations in spec["paths"].items():
        for method in _METHODS:
            if method in operations:
                by_tag.setdefault(operations[method].get("tags", ["other"])[0], []).append(
                    (path, method, operations[method])
                )
    lines += ["## Contents", ""]
    for tag, routes in by_tag.items():
        links = ", ".join(f"[{_title(path, method)}](#{_anchor(_title(path, method))})" for path, method, _ in routes)
        lines.append(f"- [{_section(tag)}](#{_anchor(_section(tag))}): {links}")
    lines += ["- [Shapes](#shapes)", ""]
    for tag, routes in by_tag.items():
        lines += [f"## {_section(tag)}", ""]
        for path, method, operation in routes:
            lines += _operation(path, method, operation, shapes)
    lines += ["## Shapes", ""]
    for name, schema in sorted(shapes.items()):
        lines += _shape(name, schema)
    return "\n".join(lines).rstrip() + "\n"


def matching(spec: dict[str, Any], query: str) -> dict[str, Any]:
    """The description with those routes only whose method, path and words hold every word of the query."""
    words = query.lower().split()
    paths: dict[str, Any] = {}
    for path, operations in spec["paths"].items():
        fits = {
            method: operation
            for method, operation in operations.items()
            if all(word in f"{method} {path} {json.dumps(operation)}".lower() for word in words)
        }
        if fits:
            paths[path] = fits
    return spec | {"paths": paths}


def curl(path: str, method: str, operation: dict[str, Any], shapes: dict[str, Any]) -> str:
    """A call of the route for a terminal, with what it can't do without."""
    named = re.sub(r"\{(\w+)\}", lambda name: name[1].upper(), path)
    needed = [one for one in operation.get("parameters", []) if one["in"] == "query" and one.get("required")]
    asked = "&".join(f"{one['name']}={_example(one['schema'], shapes)}" for one in needed)
    parts = ["curl", *([] if method == "get" else ["-X", method.upper()]), '-H "Authorization: Bearer $KEY"']
    content: dict[str, Any] = operation.get("requestBody", {}).get("content", {})
    for kind, body in content.items():
        if kind == "application/json":
            example = json.dumps(_example(body["schema"], shapes), ensure_ascii=False).replace("'", "'\\''")
            parts += ['-H "Content-Type: application/json"', f"-d '{example}'"]
        else:
            parts += [f'-H "Content-Type: {kind}"', "--data-binary @FILE"]
        break
    return " ".join([*parts, f'"$STUDIO{named}{f"?{asked}" if asked else ""}"'])


def _example(schema: dict[str, Any], shapes: dict[str, Any]) -> Any:
    """A value of the schema: its own example or default, else the shortest of its type; of an object what is required."""
    if "$ref" in schema:
        return _example(shapes[schema["$ref"].rsplit("/", 1)[-1]], shapes)
    if examples := schema.get("examples"):
        return examples[0]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return _example(next((one for one in schema[key] if one.get("type") != "null"), {}), shapes)
    for key in ("enum", "const", "default"):
        if key in schema:
            return schema[key][0] if key == "enum" else schema[key]
    match schema.get("type"):
        case "object":
            required = schema.get("required", [])
            return {
                name: _example(one, shapes) for name, one in schema.get("properties", {}).items() if name in required
            }
        case "array":
            return [_example(schema.get("items", {}), shapes)]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
    return {"date": "2026-03-15", "date-time": "2026-03-15T12:00:00Z"}.get(schema.get("format", ""), "…")


def _section(tag: str) -> str:
    # A shape may have the tag's name: their addresses must differ.
    return f"Routes: {tag}"


def _title(path: str, method: str) -> str:
    return f"{method.upper()} {path}"


def _anchor(title: str) -> str:
    """The address of a heading, as GitHub gives it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _operation(path: str, method: str, operation: dict[str, Any], shapes: dict[str, Any]) -> list[str]:
    lines = [f"### {_title(path, method)}", "", f"{operation.get('summary', '')}.", ""]
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
    return [*lines, "```sh", curl(path, method, operation, shapes), "```", ""]


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
