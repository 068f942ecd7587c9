"""Rules: a topic that passes a threshold is ordered by itself. A list, and one form for a new rule or another version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from streamlit_app.components.marks import badge_markdown
from streamlit_app.components.platforms import PLATFORM_NAMES
from streamlit_app.components.states import empty_state, guarded
from streamlit_app.door import st
from streamlit_app.formats import number
from streamlit_app.i18n import has, t
from streamlit_app.plain import bold, joined
from streamlit_app.principal import studio
from streamlit_app.settings_parts.saving import button_help, done, first_of, seed
from tgstudio_dagster.core.errors import NotFoundError, SettingsError
from tgstudio_dagster.core.text import escape
from tgstudio_dagster.core.vocabulary import GOALS, LANGUAGES, PLATFORMS, TONES
from tgstudio_dagster.services import Studio
from tgstudio_dagster.services.rules import RankedTopic, Rule, TopicRule, topic_rule

_OPEN = "rule_open"
"""Key of the session's state: the id of the rule that is edited, or NEW."""
NEW = "new"
_CHECKED = "rule_checked"
"""Key of the session's state: the rule that was filled in and is not set yet: its id or NEW, its name, what it says."""
LANGS = ("ru", "en", "uk", "be", "kk", "de", "fr", "es")


def show(mine: Studio) -> None:
    """The rules there are, each with what it says; and the form."""
    rules = mine.rules.all()
    opened = st.session_state.get(_OPEN)
    st.caption(t("settings.rules.note"))
    if not rules and opened != NEW:
        empty_state("bolt", t("settings.rules.none_title"), t("settings.rules.none_text"))
    for rule in rules:
        if opened == rule.id:
            _form(mine, rule)
        else:
            _card(mine, rule)
    if opened == NEW:
        _form(mine, None)
    else:
        st.button(
            t("settings.rules.add"), type="primary", icon=":material/add:", key="rule_add", on_click=_open, args=(NEW,),
            disabled=not mine.may("rules.put"), help=button_help(mine, "rules.put"),
        )  # fmt: skip


def _card(mine: Studio, rule: Rule) -> None:
    may = mine.may("rules.put")
    with st.container(border=True, key=f"rule_{rule.id}"):
        with st.container(horizontal=True, horizontal_alignment="distribute", vertical_alignment="center"):
            st.markdown(bold(rule.name))
            st.toggle(
                t("settings.rules.enabled"), value=rule.enabled, key=f"rule_on_{rule.id}", disabled=not may,
                on_change=_enable, args=(rule.id,),
            )  # fmt: skip
        with guarded():
            wish = topic_rule(rule)
            st.markdown(joined(*(badge_markdown(part, "blue") for part in _when(wish)), by=" "))
            st.caption(_then(wish))
        if not may:
            return
        with st.container(horizontal=True):
            st.button(
                t("settings.rules.edit"),
                icon=":material/edit:",
                key=f"rule_edit_{rule.id}",
                on_click=_open,
                args=(rule.id,),
            )
            with st.popover(t("settings.rules.delete"), icon=":material/delete:", key=f"rule_delete_{rule.id}"):
                st.markdown(t("settings.rules.delete_text"))
                if st.button(t("settings.rules.delete_yes"), type="primary", key=f"rule_gone_{rule.id}"):
                    with guarded():
                        mine.rules.delete(rule.id)
                        done(t("settings.rules.deleted"))


def _when(wish: TopicRule) -> list[str]:
    """What a topic must pass, in words; all of them ours."""
    parts: list[str] = [t(f"top.window_{wish.window}")]
    if wish.max_rank is not None:
        parts.append(t("settings.rules.says_rank", rank=number(wish.max_rank)))
    if wish.min_score is not None:
        parts.append(t("settings.rules.says_score", score=number(wish.min_score, 2)))
    if wish.min_channels > 1:
        parts.append(t("settings.rules.says_channels", count=wish.min_channels))
    if wish.topic_language is not None:
        parts.append(t("settings.rules.says_lang", lang=_lang(wish.topic_language)))
    return parts


def _then(wish: TopicRule) -> str:
    names = ", ".join(PLATFORM_NAMES[one] for one in wish.platforms) or t("settings.rules.own_platforms")
    goal = t(f"exclusive.goal_{wish.goal}")
    return t("settings.rules.says_then", goal=goal, platforms=names, per_day=number(wish.per_day))


def _lang(name: str) -> str:
    return t(f"common.lang.{name}") if has(f"common.lang.{name}") else name


def _open(rule_id: str | None) -> None:
    st.session_state[_OPEN] = rule_id
    st.session_state.pop(_CHECKED, None)


def _enable(rule_id: str) -> None:
    with guarded():
        mine = studio()
        rule = _rule(mine, rule_id)
        on = bool(st.session_state[f"rule_on_{rule_id}"])
        mine.rules.put(rule.name, topic_rule(rule), enabled=on, rule_id=rule_id)


def _rule(mine: Studio, rule_id: str) -> Rule:
    for one in mine.rules.all():
        if one.id == rule_id:
            return one
    raise NotFoundError(t("settings.rules.gone"))


def _form(mine: Studio, rule: Rule | None) -> None:
    before = None if rule is None else topic_rule(rule)
    wish = before or TopicRule(max_rank=3)
    name = rule.id if rule else NEW
    with st.form(f"rule_form_{name}"):
        st.subheader(t("settings.rules.edit_head" if rule else "settings.rules.new_head"))
        title = st.text_input(
            t("settings.rules.name"), value=rule.name if rule else "", max_chars=200, key=f"rule_name_{name}",
            placeholder=t("settings.rules.name_hint"),
        )  # fmt: skip
        st.markdown(bold(t("settings.rules.when")))
        window = st.segmented_control(
            t("top.window"), ("24h", "7d"), default=wish.window, required=True, key=f"rule_window_{name}",
            format_func=lambda one: t(f"top.window_{one}"),
        )  # fmt: skip
        left, middle, right = st.columns(3, gap="small", vertical_alignment="bottom")
        with left:
            rank = st.number_input(
                t("settings.rules.max_rank"), min_value=1, max_value=1000, value=None, step=1,
                key=seed(f"rule_rank_{name}", wish.max_rank), placeholder=t("settings.rules.any"),
                help=t("settings.rules.max_rank_help"),
            )  # fmt: skip
        with middle:
            score = st.number_input(
                t("settings.rules.min_score"), min_value=0.0, value=None, step=0.5,
                key=seed(f"rule_score_{name}", wish.min_score),
                placeholder=t("settings.rules.any"), help=_scores(mine),
            )  # fmt: skip
        with right:
            channels = st.number_input(
                t("settings.rules.min_channels"),
                min_value=1,
                value=wish.min_channels,
                step=1,
                key=f"rule_channels_{name}",
            )
        known = [None, *LANGS, *({wish.topic_language} - {None, *LANGS})]
        lang = st.selectbox(
            t("settings.rules.topic_language"), known, index=known.index(wish.topic_language), key=f"rule_lang_{name}",
            format_func=lambda one: t("settings.rules.any_language") if one is None else _lang(one), width=260,
        )  # fmt: skip
        st.markdown(bold(t("settings.rules.then")))
        made = _made(wish, name)
        per_day = st.number_input(
            t("settings.rules.per_day"), min_value=1, max_value=100, value=wish.per_day, step=1, key=f"rule_day_{name}",
            width=260,
        )  # fmt: skip
        with st.container(horizontal=True):
            sent = st.form_submit_button(
                t("settings.rules.check"), type="primary", icon=":material/rule:", key=f"rule_check_{name}"
            )
            st.form_submit_button(t("settings.cancel"), on_click=_open, args=(None,), key=f"rule_close_{name}")
    if sent:
        with guarded():
            if rank is None and score is None:
                raise SettingsError(t("settings.rules.no_threshold"))
            if not (title or "").strip():
                raise SettingsError(t("settings.rules.no_name"))
            said = {
                "window": window, "max_rank": rank, "min_score": score, "min_channels": int(channels),
                "topic_language": lang, "per_day": int(per_day),
            }  # fmt: skip
            st.session_state[_CHECKED] = (name, title, _checked(said | made))
    of, title, wish = st.session_state.get(_CHECKED, (None, "", None))
    if of == name and isinstance(wish, TopicRule):
        with guarded():
            _confirm(mine, title, wish, rule)


def _made(wish: TopicRule, name: str) -> dict[str, Any]:
    """What is made of a topic that passes; what is not chosen is the tenant's."""
    platforms = st.pills(
        t("exclusive.platforms"), PLATFORMS, selection_mode="multi", default=list(wish.platforms),
        format_func=PLATFORM_NAMES.__getitem__, key=f"rule_platforms_{name}", help=t("settings.rules.platforms_help"),
    )  # fmt: skip
    goal = st.segmented_control(
        t("exclusive.goal"), GOALS, default=wish.goal, required=True, key=f"rule_goal_{name}",
        format_func=lambda one: t(f"exclusive.goal_{one}"),
    )  # fmt: skip
    left, right = st.columns(2, gap="small")
    with left:
        language = st.segmented_control(
            t("exclusive.language"), LANGUAGES, default=wish.language, key=f"rule_language_{name}",
            format_func=lambda one: t(f"common.lang.{one}"), help=t("settings.rules.own_help"),
        )  # fmt: skip
    with right:
        tone = st.segmented_control(
            t("exclusive.tone"), TONES, default=wish.tone, key=f"rule_tone_{name}",
            format_func=lambda one: t(f"exclusive.tone_{one}"), help=t("settings.rules.own_help"),
        )  # fmt: skip
    return {"platforms": tuple(platforms), "goal": goal, "language": language, "tone": tone}


def _checked(said: Mapping[str, Any]) -> TopicRule:
    try:
        return TopicRule.model_validate(dict(said))
    except ValidationError as error:
        raise SettingsError(first_of(error)) from error


def _confirm(mine: Studio, title: str, wish: TopicRule, rule: Rule | None) -> None:
    """What the rule would order now, before it does; and the button that sets it."""
    topics = mine.rules.preview(wish, rule_id=rule.id if rule else None)
    with st.container(border=True, key="rule_preview"):
        st.markdown(f"**{t('settings.rules.would', count=len(topics))}**")
        rows = "".join(f"<li>{escape(topic.title)} <small>{escape(_figures(topic))}</small></li>" for topic in topics)
        if rows:
            st.html(f'<ol class="ts-detail">{rows}</ol>')
        if st.button(
            t("settings.rules.confirm"), type="primary", icon=":material/save:",
            key=f"rule_save_{rule.id if rule else NEW}",
        ):  # fmt: skip
            mine.rules.put(title, wish, enabled=rule.enabled if rule else True, rule_id=rule.id if rule else None)
            _open(None)
            done(t("settings.rules.saved"))


def _figures(topic: RankedTopic) -> str:
    return t(
        "settings.rules.would_be",
        rank=number(topic.rank),
        score=number(topic.score, 2),
        channels=number(topic.channels),
    )


def _scores(mine: Studio) -> str | None:
    """The scores that topics have now, to choose a threshold by; None without topics."""
    try:
        found = mine.topics.top(by="topic", window="24h", day=mine.topics.newest_day(), limit=10)
    except NotFoundError:
        return None
    places = [(place, found["score"][place - 1]) for place in (1, 3, 10) if place <= found.height]
    if not places:
        return None
    listed = "; ".join(t("settings.rules.score_at", place=place, score=number(score, 2)) for place, score in places)
    return t("settings.rules.scores", scores=listed)
