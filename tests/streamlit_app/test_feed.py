"""The feed's page: what it shows of posts, its filters, paging, search by meaning, and what it says where nothing is."""

from __future__ import annotations

from datetime import timedelta

from tests.builders import FIRST, frame
from tests.streamlit_app.conftest import fill, minutes
from tests.streamlit_app.reader import Readers, shown
from tgstudio_dagster.lake.tables.posts import MEDIA

PHOTO = {
    "msg_id": 7, "kind": "photo", "mime": "image/jpeg", "file_name": None, "size": 1000, "width": 40, "height": 30,
    "duration": None, "sha256": "a" * 64, "status": "stored",
}  # fmt: skip


def test_a_newcomer_is_told_where_to_begin(readers: Readers) -> None:
    page = readers.of("acme").open()
    assert not page.exception
    said = shown(page)
    assert "В ленте пока пусто" in said and "Подключить источник" in said


def test_posts_are_shown_newest_first_with_their_way_to_telegram(readers: Readers) -> None:
    fill(readers, "acme", {"msg_id": 1, "text": "the older"}, {"msg_id": 2, "text": "the newer"})
    said = shown(readers.of("acme").open())
    assert said.index("the newer") < said.index("the older")
    assert "https://t.me/channel1001/2" in said


def test_what_somebody_wrote_is_text_and_no_markup(readers: Readers) -> None:
    fill(readers, "acme", {"text": "<img src=x onerror=alert(1)> & <b>bold</b>", "channel_title": "<script>x</script>"})
    said = shown(readers.of("acme").open())
    assert "<img src=x" not in said and "<b>bold" not in said and "<script>x" not in said
    assert "&lt;img src=x" in said


def test_edited_and_deleted_posts_say_so(readers: Readers) -> None:
    fill(
        readers,
        "acme",
        {"msg_id": 1, "text": "changed", "version": 3, "edit_date": FIRST + timedelta(hours=1)},
        {"msg_id": 2, "text": "gone", "deleted_at": FIRST + timedelta(hours=2)},
    )
    said = shown(readers.of("acme").open())
    assert "изменён 2 раза" in said and "удалён" in said


def test_pictures_come_from_the_files_route_that_checks_the_tenant(readers: Readers) -> None:
    fill(readers, "acme", {"msg_id": 7, "type": "photo", "attachments": [PHOTO]})
    kept, small = f"{'a' * 64}.jpg", f"{'b' * 64}.jpg"
    row = {name: value for name, value in PHOTO.items() if name != "msg_id"}
    row |= {"channel_id": 1001, "msg_id": 7, "index": 0, "uri": kept, "thumb_uri": small}
    readers.platform.lake.tenant("acme").write(MEDIA, frame(MEDIA, [row]), day=FIRST.date())
    said = shown(readers.of("acme").open())
    assert f'src=\\"/files/{small}' in said and f'href=\\"/files/{kept}' in said


def test_a_file_that_is_not_stored_is_no_link(readers: Readers) -> None:
    waiting = PHOTO | {"status": "pending", "sha256": None}
    fill(readers, "acme", {"msg_id": 7, "type": "photo", "attachments": [waiting]})
    said = shown(readers.of("acme").open())
    assert "загружается" in said and "/files/" not in said


def test_words_channels_types_and_languages_filter(readers: Readers) -> None:
    fill(
        readers,
        "acme",
        {"msg_id": 1, "text": "a ferry", "channel_id": 1},
        {"msg_id": 2, "text": "паром", "channel_id": 2, "lang": "ru"},
        {"msg_id": 3, "text": "a film", "channel_id": 1, "type": "video"},
    )
    reader = readers.of("acme")
    for query, wanted in (
        ({"q": "FERRY"}, {"a ferry"}),
        ({"channels": "2"}, {"паром"}),
        ({"types": "video"}, {"a film"}),
        ({"langs": "ru"}, {"паром"}),
    ):
        page = reader.open(**query)
        assert not page.exception
        said = shown(page)
        assert {
            text for text in ("a ferry", "паром", "a film") if text in said.replace(query.get("q", "\0"), "")
        } == wanted


def test_a_filter_that_fits_nothing_says_what_to_change(readers: Readers) -> None:
    fill(readers, "acme", {"text": "a ferry"})
    assert "По этому запросу ничего нет" in shown(readers.of("acme").open(q="submarine"))


def test_filters_are_cleared_together(readers: Readers) -> None:
    fill(readers, "acme", {"text": "a ferry"})
    page = readers.of("acme").open(types="video")
    assert "a ferry" not in shown(page)
    page.button(key="clear").click().run()
    assert "a ferry" in shown(page)


def test_pages_follow_each_other_and_lead_back(readers: Readers) -> None:
    fill(readers, "acme", *({**row, "text": f"number {row['msg_id']} of all"} for row in minutes(65)))
    page = readers.of("acme").open()
    assert "number 65 of" in shown(page) and "number 35 of" not in shown(page)
    page.button(key="page_on").click().run()
    assert "number 35 of" in shown(page) and "number 65 of" not in shown(page) and "Страница 2" in shown(page)
    page.button(key="page_on").click().run()
    assert "number 5 of" in shown(page)
    assert page.button(key="page_on").disabled
    page.button(key="page_back").click().run()
    assert "number 35 of" in shown(page)


def test_a_new_filter_begins_at_the_first_page(readers: Readers) -> None:
    fill(readers, "acme", *({**row, "text": f"number {row['msg_id']} of all"} for row in minutes(65)))
    page = readers.of("acme").open()
    page.button(key="page_on").click().run()
    page.text_input(key="at_q").set_value("of all").run()
    assert not page.exception
    assert "number 65 of" in shown(page)


def test_a_search_by_meaning_marks_what_it_found(readers: Readers) -> None:
    fill(readers, "acme", {"msg_id": 1, "text": "The ferry sails at dawn"}, {"msg_id": 2, "text": "Rain in the hills"})
    page = readers.of("acme").open(q="ferry", meaning="true")
    assert not page.exception
    said = shown(page)
    assert "<mark>ferry</mark>" in said and "Rain in the hills" not in said


def test_a_query_without_a_word_is_answered_kindly(readers: Readers) -> None:
    fill(readers, "acme", {"text": "a ferry"})
    page = readers.of("acme").open(q="…", meaning="true")
    assert not page.exception
    assert "Запрос не выполнен" in page.error[0].value


def test_what_has_landed_but_is_not_merged_is_announced(readers: Readers) -> None:
    from tests.builders import landing

    readers.platform.lake.tenant("acme").land(landing({"text": "waits"}))
    assert "Готовим ленту" in shown(readers.of("acme").open())


def test_the_page_of_a_list_stands_in_the_address_and_comes_back_in_another_language(readers: Readers) -> None:
    fill(readers, "acme", *({**row, "text": f"number {row['msg_id']} of all"} for row in minutes(95)))
    reader = readers.of("acme")
    page = reader.open(types="text")
    page.button(key="page_on").click().run()
    page.button(key="page_on").click().run()
    at = page.query_params["at"]
    fill(readers, "acme", *({**row, "text": f"number {row['msg_id']} of all"} for row in minutes(97)))
    again = reader.open(locale="en-GB", types="text", at=at)
    assert "Page 3" in shown(again) and "number 35 of" in shown(again) and "number 36 of" not in shown(again)
    # A browser that has not come by the pages before goes back to them all the same.
    again = reader.open(types="text", at=at)
    again.button(key="page_back").click().run()
    assert "Страница 2" in shown(again) and "number 67 of" in shown(again) and "number 35 of" not in shown(again)
    again.button(key="page_back").click().run()
    assert "Страница 1" in shown(again) and "at" not in again.query_params and "number 97 of" in shown(again)


def test_a_change_of_language_keeps_what_was_chosen(readers: Readers) -> None:
    fill(readers, "acme", {"msg_id": 1, "text": "a ferry", "type": "video"}, {"msg_id": 2, "text": "rain"})
    page = readers.of("acme").open(types="video")
    page.button_group(key="language_switch").set_value("en").run()
    assert page.query_params["types"] == "video"
    assert "a ferry" in shown(page) and ">rain" not in shown(page) and "Nothing" not in shown(page)


def test_filters_stand_in_the_address_as_codes(readers: Readers) -> None:
    fill(
        readers, "acme", {"msg_id": 1, "text": "a ferry", "type": "video", "lang": "en"}, {"msg_id": 2, "text": "rain"}
    )
    page = readers.of("acme").open()
    page.multiselect(key="at_types").set_value(["video"]).run()
    page.multiselect(key="at_langs").set_value(["en", "ru"]).run()
    page.multiselect(key="at_channels").set_value(["1001"]).run()
    page.date_input(key="at_dates").set_value((FIRST.date(), FIRST.date())).run()
    said = {name: page.query_params[name] for name in ("types", "langs", "channels", "dates")}
    day = FIRST.date().isoformat()
    assert said == {"types": "video", "langs": "en,ru", "channels": "1001", "dates": f"{day}..{day}"}
    other = readers.of("acme").open(locale="en-GB", **said)
    assert not other.exception
    assert "a ferry" in shown(other) and ">rain" not in shown(other)
    assert other.multiselect(key="at_types").value == ["video"]


def test_what_an_address_says_wrong_filters_nothing(readers: Readers) -> None:
    fill(readers, "acme", {"text": "a ferry"})
    wrong = {
        "types": "видео,nonsense",
        "dates": "yesterday..2026-99-01",
        "channels": "7",
        "langs": "xx",
        "at": "1.2.3.4",
    }
    page = readers.of("acme").open(**wrong)
    assert not page.exception and "a ferry" in shown(page)


def test_each_turn_of_a_page_leads_to_its_top(readers: Readers) -> None:
    fill(readers, "acme", *minutes(95))
    page = readers.of("acme").open()
    scripts = []
    for _ in range(2):
        page.button(key="page_on").click().run()
        scripts += [line for line in shown(page).splitlines() if line.startswith("<script>window.tgstudioTop")]
    assert len(set(scripts)) == 2
    page.run()
    assert "tgstudioTop?.(" not in shown(page)
