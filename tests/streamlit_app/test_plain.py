"""Strangers' words are never Markdown or HTML: the escaping itself, the door that applies it, and pages full of an attacker."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from sqlalchemy import update

from streamlit_app.door import MARKDOWN, PASSED, _look_through
from streamlit_app.door import st as door
from streamlit_app.i18n import say
from streamlit_app.plain import Markdown, badge, bold, code, in_chart, joined, plain
from tests.streamlit_app.reader import APP, Readers, pages
from tgstudio_dagster.catalog.accounts.models import TgAccount
from tgstudio_dagster.catalog.follows.models import Channel
from tgstudio_dagster.catalog.people.models import Tenant, User
from tgstudio_dagster.catalog.work.models import Order
from tgstudio_dagster.core.clock import utc_now

EVIL = "![p](https://evil.example/p.png) <img src=https://evil.example/i.png> **b** :red[r] $x$ `c` :material/lock: 5"
_SIGNS = "\\`*_{}[]()<>~$|&!:#+-=.@/ \n\t0aw1h"
_JOINER = "\N{WORD JOINER}"
_SOURCES = sorted(path for path in APP.rglob("*.py") if path.name not in {"door.py", "plain.py"})
_COLUMNS = ("title", "channel_title", "headline", "dek", "caption", "text", "forwarded_from")


@given(
    st.one_of(
        st.text(alphabet=_SIGNS, max_size=40), st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=40)
    )
)
def test_whatever_somebody_wrote_is_read_as_that_text_and_nothing_else(written: str) -> None:
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(f"x {plain(written)} y")
    inline = tokens[1].children or []
    assert [token.type for token in tokens] == ["paragraph_open", "inline", "paragraph_close"]
    assert {token.type for token in inline} <= {"text", "text_special"}
    read = "".join(token.content for token in inline).replace(_JOINER, "")
    assert read.split() == f"x {written} y".replace(_JOINER, "").split()


@given(st.text(alphabet=_SIGNS, max_size=30))
def test_a_line_that_begins_with_it_is_no_heading_list_or_quote(written: str) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(plain(written))
    assert [token.type for token in tokens] in ([], ["paragraph_open", "inline", "paragraph_close"])


@pytest.mark.parametrize(
    "written",
    [":red[x]", ":material/lock:", ":smile:", ":streamlit:", "$x^2$", "a -> b", "http://a.example", "www.a.ru"],
)
def test_what_only_streamlit_reads_is_broken_up(written: str) -> None:
    escaped = plain(written)
    assert escaped != written
    assert _JOINER in escaped or "\\:" in escaped or "\\$" in escaped


def test_times_and_figures_stay_as_they_are() -> None:
    for written in ("14 мар 2026, 15:04", "12,5 тыс.", "3 / 10", "50 %", "Anna-Maria (RU)"):
        assert plain(written) == written


def test_words_of_ours_stay_markdown_and_what_stands_in_them_does_not() -> None:
    words = say("en", "packages.version", n=2, moment="**now**")
    assert words == "**Version 2** · **now**"
    assert words.markdown == "**Version 2** · \\*\\*now\\*\\*"
    assert plain(words) == words.markdown
    assert joined(bold("*a*"), code("`b`"), badge("[c]", "red")) == "**\\*a\\*** · `b` · :red-badge[\\[c\\]]"


def test_a_charts_texts_are_no_links() -> None:
    link = '<a href="https://evil.example">x</a>'
    figure = go.Figure(go.Bar(x=[1], y=[1], name=link, text=[f"<b>{in_chart(link)}</b><br>{link}"]))
    figure.add_annotation(text=link)
    _look_through(figure)
    drawn = figure.to_json()
    assert "<a" not in drawn and "\\u003ca" not in drawn
    assert figure.data[0].text[0].startswith("<b>&lt;a")


def test_a_widget_that_is_not_listed_is_not_let_through() -> None:
    for name in ("write", "table", "latex", "chat_message"):
        assert name not in MARKDOWN and name not in PASSED
        with pytest.raises(AttributeError, match="list in"):
            getattr(door, name)


@pytest.mark.parametrize("source", _SOURCES, ids=lambda path: str(path.relative_to(APP)))
def test_pages_have_streamlit_by_the_door_only(source: Path) -> None:
    tree = ast.parse(source.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert "streamlit" not in {name.name.partition(".")[0] for name in node.names}, node.lineno
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "streamlit":
            assert {name.name for name in node.names} <= {"StreamlitPage", "UploadedFile"}, node.lineno


@pytest.mark.parametrize("source", _SOURCES, ids=lambda path: str(path.relative_to(APP)))
def test_widgets_are_called_on_the_door_and_markdown_is_made_beside_it(source: Path) -> None:
    """`column.markdown(…)` would pass by the door, as would `Markdown(…)` of anything."""
    widgets = set(MARKDOWN) | {"write", "table", "latex", "altair_chart", "vega_lite_chart", "json"}
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in widgets:
            on = ast.unparse(node.func.value)
            # What a service or a library calls by the same name has no label.
            assert on == "st" or on.split(".")[0] not in _columns(source), f"{source.name}:{node.lineno}: {on}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "Markdown", f"{source.name}:{node.lineno}"


def _columns(source: Path) -> set[str]:
    """The names that stand for a part of the page: what columns, tabs and containers are assigned to."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith("st."):
            found |= {name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)}
        if isinstance(node, ast.withitem) and node.optional_vars is not None:
            found |= {name.id for name in ast.walk(node.optional_vars) if isinstance(name, ast.Name)}
    return found


@pytest.fixture
def attacked(sample_readers: Readers) -> Readers:
    """The sample with an attacker's words wherever a stranger's, or another member's, may stand."""
    for path in Path(sample_readers.platform.settings.home, "lake").rglob("*.parquet"):
        table = pq.read_table(path)
        names = [name for name in _COLUMNS if name in table.column_names]
        for name in names:
            place, field = table.column_names.index(name), table.schema.field(name)
            if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
                words = pa.array([None if one is None else EVIL for one in table[name].to_pylist()], field.type)
                table = table.set_column(place, field, words)
        if names:
            # The file is shared with other homes: it is replaced, not written into.
            path.unlink()
            pq.write_table(table, path)
    catalog = sample_readers.platform.catalog
    now = utc_now()
    studio = sample_readers.of("demo").studio
    studio.keys.create(EVIL, ["read"], now=now)
    studio.keys.create(EVIL, ["read"], now=now, expires_at=now + timedelta(days=1))
    with catalog.session() as session:
        session.execute(update(Tenant).where(Tenant.slug == "demo").values(name=EVIL))
        session.execute(update(User).values(name=EVIL, username=EVIL[:64]))
        session.execute(update(Channel).values(title=EVIL))
        session.execute(update(Order).values(subject=EVIL, error=EVIL))
    with catalog.tenant_session("demo", writing=True) as session:
        session.add(TgAccount(tenant="demo", telegram_id=7, name=EVIL, username="anna"))
    return sample_readers


@pytest.mark.slow
def test_no_page_reads_an_attackers_words_as_markdown_or_html(attacked: Readers) -> None:
    reader = attacked.of("demo", "operator")
    with attacked.platform.catalog.session() as session:
        session.execute(update(User).values(name=EVIL))
    topic, order = reader.studio.topics.all(day=None, limit=1)["topic_id"][0], reader.studio.orders.all()[0].id
    seen = 0
    for key in pages():
        page = reader.open(key, topic=topic, order=order, tab="keys")
        assert not page.exception, key
        for kind, where, text in _texts(page):
            if "evil.example" not in text:
                continue
            seen += 1
            if kind in {"html", "plotly_chart"}:
                assert "<img src=https://evil" not in text, (key, where)
            elif kind not in {
                "arrow_data_frame",
                "code",
                "text",
                "text_area",
                "text_input",
                "selectbox",
                "multiselect",
            }:
                assert not re.search(r"(?<!\\)(\]\(|<img|\*\*b|:red\[)", text), (key, kind, where, text)
    assert seen > 20, "the attacker's words are nowhere: this test looks at nothing"


def _texts(page: Any) -> Iterator[tuple[str, str, str]]:
    """The kind, the field and the text of all that a page sends to the browser."""

    def walk(block: Any) -> Iterator[tuple[str, str, str]]:
        proto = getattr(block, "proto", None)
        if proto is not None:
            kind = getattr(block, "type", "") or type(block).__name__
            yield from ((kind, where, text) for where, text in _fields(proto))
        for child in (getattr(block, "children", None) or {}).values():
            yield from walk(child)

    for root in (page.main, page.sidebar):
        yield from walk(root)


def _fields(proto: Any, at: str = "") -> Iterator[tuple[str, str]]:
    for field, value in proto.ListFields():
        for one in value if field.label == field.LABEL_REPEATED and not isinstance(value, str | bytes) else [value]:
            if isinstance(one, str):
                yield f"{at}{field.name}", one
            elif hasattr(one, "ListFields"):
                yield from _fields(one, f"{at}{field.name}.")


def test_markdown_is_a_type_of_its_own() -> None:
    assert not isinstance(str(Markdown("**x**")), Markdown)
