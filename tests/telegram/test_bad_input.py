"""Bad input: a clear error or a recorded reject, nothing lost, nothing doubled."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.telegram.conftest import Desk
from tests.telegram.exports import NOW, START, chat, lines, message, telethon, write
from tgstudio_dagster.catalog.leases import lease
from tgstudio_dagster.core.errors import LakeError, LeaseHeldError, SourceError
from tgstudio_dagster.telegram.sources import telethon_dump


def test_a_truncated_export_lands_what_is_complete_and_says_where_it_breaks_off(desk: Desk, tmp_path: Path) -> None:
    path = write(tmp_path, chat([message(n) for n in range(1, 6)]))
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b'"id": 4') + 30])
    got = desk.load(path)
    assert (got.landed, got.rejected) == (3, 1)
    (reject,) = desk.rejects()
    assert "breaks off" in reject.reason
    assert f"of {path.stat().st_size:,}" in reject.reason


def test_the_whole_file_after_a_truncated_one_adds_the_rest(desk: Desk, tmp_path: Path) -> None:
    path = write(tmp_path, chat([message(n) for n in range(1, 6)]))
    data = path.read_bytes()
    path.write_bytes(data[:-120])
    desk.load(path)
    path.write_bytes(data)
    desk.load(path)
    assert sorted(set(desk.rows()["msg_id"])) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("encoding", ["utf-16", "cp1251"])
def test_a_wrong_encoding_is_named(desk: Desk, tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(json.dumps(chat([message(1, "Привет")], name="Мир"), ensure_ascii=False).encode(encoding))
    with pytest.raises(SourceError, match="UTF-8"):
        desk.load(path)


def test_bytes_that_are_no_utf8_cost_only_themselves(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    filler = [message(n, "x" * 4000) for n in range(1, 300)]
    data = json.dumps(chat([*filler, message(300, "BROKEN text"), message(301)])).encode()
    path.write_bytes(data.replace(b"BROKEN", b"\xff\xfe\xfa"))
    got = desk.load(path)
    assert (got.landed, got.rejected, got.dropped) == (301, 0, {"(syntax)": 1})
    assert "��� text" in desk.rows()["text"].to_list()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('{"rows": [1, 2], "total": 2}', "rows, total"),
        ("[1, 2, 3]", "no objects with `_`"),
        ("", "empty"),
        ("<!DOCTYPE html><html></html>", "HTML"),
        ("hello", "no JSON"),
        ('{"chats": 5}', "known shape"),
        ('{"messages": {"a": 1}}', "known shape"),
    ],
)
def test_an_unknown_shape_is_described_and_the_known_ones_named(
    desk: Desk, tmp_path: Path, content: str, found: str
) -> None:
    path = tmp_path / "result.json"
    path.write_text(content)
    with pytest.raises(SourceError, match=found):
        desk.load(path)


def test_a_chat_without_an_id_is_refused(desk: Desk, tmp_path: Path) -> None:
    made = chat([message(1)])
    del made["id"]
    with pytest.raises(SourceError, match="id"):
        desk.load(write(tmp_path, made))


def test_a_missing_path_and_an_empty_folder_are_named(desk: Desk, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        desk.load(tmp_path / "nothing")
    folder = tmp_path / "folder"
    write(folder, {"rows": 1}, "other.json")
    with pytest.raises(SourceError, match=r"other\.json"):
        desk.load(folder)


def test_duplicate_ids_land_once_the_fuller_one(desk: Desk, tmp_path: Path) -> None:
    got = desk.load(write(tmp_path, chat([message(1, "short"), message(2), message(1, "much longer")])))
    assert (got.read, got.landed, got.rejected) == (3, 2, 1)
    assert desk.rows()["text"].to_list() == ["much longer", "Post 2"]
    assert desk.rejects()[0].position == 0


def test_dates_out_of_order_land_on_their_days(desk: Desk, tmp_path: Path) -> None:
    days = [message(n, date_unixtime=str(START - n * 86400)) for n in (1, 3, 2)]
    got = desk.load(write(tmp_path, chat(days)))
    assert got.days == [date(2026, 3, 6), date(2026, 3, 7), date(2026, 3, 8)]


def test_dates_in_the_future_and_before_the_first_day_are_rejected(desk: Desk, tmp_path: Path) -> None:
    late = str(int(NOW.timestamp()) + 2 * 86400)
    path = write(
        tmp_path,
        chat([message(1), message(2, date_unixtime=late, date=...), message(3, date_unixtime="1000000000", date=...)]),
    )
    got = desk.load(path)
    assert (got.landed, got.rejected) == (1, 2)
    assert desk.rows()["observed_at"].to_list() == [datetime.fromtimestamp(START + 60, UTC)]
    assert [reject.reason.partition(":")[0] for reject in desk.rejects()] == ["date in the future", "before first day"]


def test_dates_long_after_a_given_observation_are_rejected(desk: Desk, tmp_path: Path) -> None:
    path = write(tmp_path, chat([message(1), message(2, date_unixtime=str(START + 3 * 86400), date=...)]))
    got = desk.load(path, observed_at=datetime.fromtimestamp(START + 3600, UTC))
    assert (got.landed, got.rejected) == (1, 1)


@pytest.mark.parametrize(
    "given",
    [
        {"id": "seven"}, {"id": 2**70}, {"id": -(2**40)}, {"id": ...}, {"id": None},
        {"date_unixtime": ..., "date": ...}, {"date_unixtime": str(10**15), "date": "soon"},
    ],
)  # fmt: skip
def test_a_message_without_an_id_or_a_date_costs_no_other(desk: Desk, tmp_path: Path, given: dict[str, Any]) -> None:
    got = desk.load(write(tmp_path, chat([message(1), message(2, **given), message(3)])))
    assert (got.read, got.landed, got.rejected) == (3, 2, 1)
    assert desk.rejects()[0].reason


def test_elements_that_are_no_messages_are_rejected(desk: Desk, tmp_path: Path) -> None:
    got = desk.load(write(tmp_path, chat([message(1), None, message(3), [message(4)]])))
    assert (got.landed, got.rejected) == (2, 2)


def test_a_text_of_4096_characters_with_every_entity_and_an_empty_one_land(desk: Desk, tmp_path: Path) -> None:
    kinds = (
        "bold italic code pre strikethrough underline spoiler blockquote hashtag mention link text_link email phone "
        "cashtag bot_command bank_card custom_emoji"
    ).split()  # noqa: SIM905
    parts = [{"type": kind, "text": "👍я" * 70, "href": "https://a.example", "document_id": "1"} for kind in kinds]
    text = [*parts, "x" * (4096 - len(kinds) * 210), ""]
    got = desk.load(write(tmp_path, chat([message(1, text), message(2, "")])))
    assert got.landed == 2
    assert desk.rows()["text"].str.len_chars().to_list() == [4096 - len(kinds) * 210 + len(kinds) * 140, 0]


def with_file(n: int, path: str, **given: Any) -> dict[str, Any]:
    return message(n, "", file=path, mime_type="application/pdf", file_name=path, **given)


def test_names_that_break_paths_are_made_safe_and_never_followed(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "secret.pdf").write_bytes(b"secret")
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "link.pdf").symlink_to(tmp_path / "secret.pdf")
    names = ["../secret.pdf", str(tmp_path / "secret.pdf"), "link.pdf", "a\0b.pdf", "x" * 5000 + ".pdf", "files/../.."]
    desk.load(write(folder, chat([with_file(n, name) for n, name in enumerate(names, 1)])))
    items = [row[0] for row in desk.rows()["attachments"].to_list()]
    assert [item["sha256"] for item in items] == [None] * len(names)
    assert all(item["status"].startswith("failed") for item in items)
    assert all("/" not in (item["file_name"] or "") and len(item["file_name"] or "") <= 120 for item in items)


def test_emoji_and_right_to_left_names_are_stored(desk: Desk, tmp_path: Path) -> None:
    for name in ("отчёт 📈.pdf", "דוח\u202egpj.pdf"):
        (tmp_path / "files").mkdir(exist_ok=True)
        (tmp_path / "files" / name).write_bytes(name.encode())
    made = [with_file(1, "files/отчёт 📈.pdf"), with_file(2, "files/דוח\u202egpj.pdf")]
    desk.load(write(tmp_path, chat(made)))
    items = [row[0] for row in desk.rows()["attachments"].to_list()]
    assert [item["status"] for item in items] == ["stored", "stored"]
    assert [item["file_name"] for item in items] == ["отчёт 📈.pdf", "דוחgpj.pdf"]
    assert all(desk.lake.has_file(f"{item['sha256']}.pdf") for item in items)


def test_a_file_listed_and_absent_is_marked_failed(desk: Desk, tmp_path: Path) -> None:
    desk.load(write(tmp_path, chat([message(1, "", photo="photos/none.jpg")])))
    assert desk.rows()["attachments"].to_list()[0][0]["status"] == "failed: file is missing"


def test_a_second_importer_of_the_tenant_is_turned_away(desk: Desk, tmp_path: Path) -> None:
    path = write(tmp_path, chat([message(1)]))
    with lease(desk.catalog, "import:demo"), pytest.raises(LeaseHeldError):
        desk.load(path)
    assert desk.load(path).landed == 1


def test_a_disk_that_fills_leaves_the_import_to_be_resumed(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path, chat([message(n) for n in range(1, 9)]))
    land, calls = desk.lake.land, iter(range(9))

    def full(frame: Any) -> Any:
        if next(calls) == 1:
            raise LakeError("no space left on device")
        return land(frame)

    monkeypatch.setattr(desk.lake, "land", full)
    with pytest.raises(LakeError):
        desk.load(path, batch=3)
    assert desk.load(path, batch=3).landed == 5
    assert desk.rows()["msg_id"].to_list() == list(range(1, 9))


def test_a_dump_with_bad_lines_lands_the_others(desk: Desk, tmp_path: Path) -> None:
    bad = [
        "{broken",
        "",
        '{"_": "Nonsense", "id": 1}',
        '{"_": "Message", "id": 5}',
        json.dumps(telethon(6, date="soon")),
    ]
    got = desk.load(lines(tmp_path, [telethon(1, "a"), *bad, telethon(2, "b")]))
    assert (got.landed, got.rejected) == (2, 4)
    assert telethon_dump.NAME in desk.rows()["source"].to_list()
