"""`--chats all`: basic groups and private chats of an export are read where the tenant says so, and marked."""

from __future__ import annotations

from tests.telegram.conftest import Desk
from tgstudio_dagster.catalog.follows.channels import list_channels
from tgstudio_dagster.telegram.sources.desktop_ids import BASIC_GROUP, PRIVATE_CHAT


def kinds(desk: Desk) -> dict[int, tuple[str, str]]:
    return {row.channel_id: (row.title, row.kind) for row in list_channels(desk.catalog, "demo")}


def test_a_basic_group_is_left_out_with_a_reason_that_names_the_option(desk: Desk) -> None:
    summary = desk.case("private_group/result.json")
    assert (summary.landed, summary.filtered) == (0, 1)
    assert any("--chats all" in reason for reason in summary.filtered_by)


def test_a_basic_group_is_read_where_the_tenant_says_so_though_the_file_was_imported_without(desk: Desk) -> None:
    desk.case("private_group/result.json")
    assert desk.case("private_group/result.json", chats="all").landed == 1
    assert kinds(desk) == {BASIC_GROUP + 123123123: ("Family", "group")}
    row = desk.rows().row(0, named=True)
    assert (row["channel_id"], row["text"], row["sender_id"], row["author"]) == (
        BASIC_GROUP + 123123123,
        "hello",
        1,
        "A",
    )


def test_a_private_chat_never_meets_a_channel_of_the_same_id(desk: Desk) -> None:
    desk.case("left_chats/result.json", chats="all")
    told = kinds(desk)
    assert told[PRIVATE_CHAT + 5] == ("P", "private")
    assert told[1111111111] == ("A", "channel")
    assert 5 not in told


def test_importing_every_chat_after_channels_alone_adds_the_others(desk: Desk) -> None:
    desk.case("left_chats/result.json")
    before = set(desk.rows().select("channel_id", "msg_id").iter_rows())
    desk.case("left_chats/result.json", chats="all")
    assert set(desk.rows().select("channel_id", "msg_id").iter_rows()) == before | {(PRIVATE_CHAT + 5, 1)}
