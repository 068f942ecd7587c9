"""What a user may write to name a channel, and what is refused with a reason."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tgstudio_dagster.core.errors import SourceError
from tgstudio_dagster.telegram.reading.references import (
    ChannelId,
    Invite,
    Reference,
    Username,
    parse_list,
    parse_reference,
)

NAMES = st.from_regex(r"\A[A-Za-z][A-Za-z0-9_]{3,31}\Z")
SECRETS = st.text(string.ascii_letters + string.digits + "_-", min_size=16, max_size=32).filter(
    lambda s: not s.isdigit()
)
IDS = st.integers(1, 999_999_999_999)
REFERENCES = st.one_of(
    NAMES.map(lambda name: Username(name.lower())), SECRETS.map(Invite), IDS.map(ChannelId)
)  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "@Durov", "durov", " durov ", "t.me/durov", "https://t.me/durov", "http://t.me/durov/", "https://t.me/s/durov/123",
        "https://t.me/durov/123?single", "https://t.me/durov?before=5", "T.ME/Durov", "telegram.me/durov", "durov.t.me",
        "https://durov.t.me/17", "tg://resolve?domain=durov&post=5", "https://www.t.me/durov#top",
    ],
)  # fmt: skip
def test_a_username_is_found_in_all_its_forms(text: str) -> None:
    assert parse_reference(text) == Username("durov")


@pytest.mark.parametrize(
    "text",
    [
        "https://t.me/+AbCd_1234-efgh56", "t.me/+AbCd_1234-efgh56", "t.me/joinchat/AbCd_1234-efgh56",
        "https://t.me/%2BAbCd_1234-efgh56", "tg://join?invite=AbCd_1234-efgh56", "https://t.me/+AbCd_1234-efgh56?x=1",
    ],
)  # fmt: skip
def test_an_invite_is_found_in_all_its_forms_and_keeps_its_case(text: str) -> None:
    assert parse_reference(text) == Invite("AbCd_1234-efgh56")


@pytest.mark.parametrize(
    "text",
    [
        "1234567890", "-1001234567890", "https://t.me/c/1234567890/55", "t.me/c/1234567890", "t.me/c/1234567890/5/7",
        "tg://privatepost?channel=1234567890&post=5",
    ],
)  # fmt: skip
def test_an_id_is_found_in_all_its_forms(text: str) -> None:
    assert parse_reference(text) == ChannelId(1234567890)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "neither a username"),
        ("abc", "neither a username"),
        ("канал", "neither a username"),
        ("two words", "neither a username"),
        ("https://example.org/durov", "neither a username"),
        ("t.me/", "neither a username"),
        ("t.me/s/", "neither a username"),
        ("t.me/c/durov", "no id after t.me/c/"),
        ("t.me/joinchat/", "no whole invite"),
        ("t.me/+AbC", "no whole invite"),
        ("t.me/+79991234567", "a phone number"),
        ("t.me/addlist/AbCd_1234", "a shared folder"),
        ("t.me/addstickers/Animals", "no link to a channel"),
        ("t.me/share/url?url=x", "no link to a channel"),
        ("tg://settings", "no link to a channel"),
        ("-123456", "basic group"),
        ("0", "no channel's id"),
        ("-1000000000000", "basic group"),
        ("99999999999999", "no channel's id"),
    ],
)
def test_what_names_no_channel_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        parse_reference(text)


@given(REFERENCES)
def test_the_canonical_form_parses_to_the_same(reference: Reference) -> None:
    assert parse_reference(str(reference)) == reference


@given(NAMES)
def test_a_username_is_one_whatever_its_case(name: str) -> None:
    assert (
        parse_reference(f"@{name.upper()}")
        == parse_reference(f"https://t.me/{name.lower()}/1")
        == Username(name.lower())
    )


@given(st.text(max_size=80))
def test_any_text_is_a_reference_or_a_source_error(text: str) -> None:
    try:
        reference = parse_reference(text)
    except SourceError:
        return
    assert parse_reference(str(reference)) == reference


def test_a_list_takes_lines_commas_and_comments_and_drops_repeats() -> None:
    text = (
        "\ufeff# my channels\n@world, t.me/+AbCd_1234-efgh56  # the closed one\r\n\n1234567890,\nhttps://t.me/World#5\n"
    )
    assert parse_list(text) == [Username("world"), Invite("AbCd_1234-efgh56"), ChannelId(1234567890)]
    assert parse_list("\n# nothing\n") == []


def test_a_list_names_every_line_that_is_wrong() -> None:
    with pytest.raises(SourceError) as met:
        parse_list("@world\nab\n\nt.me/+79991234567, -5")
    assert [line.partition(":")[0] for line in str(met.value).splitlines()] == ["line 2", "line 4", "line 4"]
    with pytest.raises(SourceError, match="and 5 more"):
        parse_list("\n".join(["ab"] * 15))


@given(st.lists(REFERENCES, max_size=20), st.sampled_from(["\n", ",", ", ", "\r\n", " # a comment\n"]))
def test_a_written_list_reads_back(references: list[Reference], separator: str) -> None:
    assert parse_list(separator.join(map(str, references))) == list(dict.fromkeys(references))
