"""Words of all scripts in topics: those that set no spaces, those that write vowels as marks."""

from __future__ import annotations

import polars as pl
import pytest

from tests import builders, cases
from tgstudio_dagster.topics.clean import clean_texts
from tgstudio_dagster.topics.cluster import find_topics
from tgstudio_dagster.topics.embed import embed
from tgstudio_dagster.topics.footers import repeated_lines
from tgstudio_dagster.topics.label import title
from tgstudio_dagster.topics.words import tokens, words_in

FLOOD_AND_STRIKE = {
    "zh": [
        (
            "北京昨晚发生强烈地震，数千人撤离",
            "强烈地震袭击北京，数千人被迫撤离家园",
            "北京发生强烈地震：数千人撤离到体育馆",
        ),
        ("铁路工人开始罢工，列车全部停运", "列车停运：铁路工人宣布无限期罢工", "铁路工人罢工导致列车停运"),
    ],
    "ja": [
        (
            "東京で大雨、地下鉄が浸水し運転見合わせ",
            "大雨で地下鉄が浸水、東京で運転見合わせ",
            "東京の地下鉄が大雨で浸水した",
        ),
        ("新幹線の運賃が来月から値上げされる", "来月から新幹線の運賃値上げへ", "運賃値上げ：新幹線は来月から"),
    ],
    "lo": [
        ("ນໍ້າຖ້ວມນະຄອນຫຼວງວຽງຈັນຫຼັງຝົນຕົກໜັກ", "ຝົນຕົກໜັກເຮັດໃຫ້ນະຄອນຫຼວງວຽງຈັນນ້ຳຖ້ວມ"),
        ("ລົດໄຟລາວຈີນຫຼຸດລາຄາປີ້ເຄິ່ງໜຶ່ງ", "ລາຄາປີ້ລົດໄຟລາວຈີນຫຼຸດລົງເຄິ່ງໜຶ່ງ"),
    ],
    "km": [
        ("ទឹកជំនន់នៅរាជធានីភ្នំពេញបន្ទាប់ពីភ្លៀងធ្លាក់ខ្លាំង", "ភ្លៀងធ្លាក់ខ្លាំងបណ្តាលឱ្យទឹកជំនន់នៅរាជធានីភ្នំពេញ"),
        ("តម្លៃសំបុត្ររថភ្លើងបញ្ចុះពាក់កណ្តាល", "រថភ្លើងបញ្ចុះតម្លៃសំបុត្រពាក់កណ្តាល"),
    ],
    "my": [
        ("ရန်ကုန်မြို့တွင်မိုးသည်းထန်စွာရွာပြီးရေကြီး", "မိုးသည်းထန်စွာရွာ၍ရန်ကုန်မြို့ရေကြီး"),
        ("ရထားလက်မှတ်ဈေးနှုန်းတစ်ဝက်လျှော့ချ", "လက်မှတ်ဈေးနှုန်းတစ်ဝက်လျှော့ရထား"),
    ],
    "hi": [
        ("दिल्ली में भारी बारिश से जलभराव, यातायात ठप", "भारी बारिश के बाद दिल्ली में जलभराव और यातायात ठप"),
        ("रेलवे ने टिकट का किराया आधा किया", "रेलवे का किराया आधा, टिकट सस्ते"),
    ],
}


def _topics(frame: pl.DataFrame) -> pl.DataFrame:
    newest = frame["date"].max()
    return find_topics(frame, embed(frame), newest).topics  # type: ignore[arg-type]


def test_thai_channels_that_tell_one_event_make_one_topic() -> None:
    frame = cases.posts("thai_topics")
    topics = _topics(frame).sort("first_seen")
    assert topics["messages"].to_list() == [3, 3]
    assert topics["channels"].to_list() == [3, 3]
    assert topics["lang"].to_list() == ["th", "th"]
    assert "น้ำท่วม" in topics["keywords"][0]
    assert "รถไฟฟ้าสายสีชมพู" in topics["keywords"][1]
    assert topics["title"][0].startswith("น้ำท่วมกรุงเทพมหานคร")


@pytest.mark.parametrize("lang", FLOOD_AND_STRIKE)
def test_two_events_make_two_topics_in_any_script(lang: str) -> None:
    events = FLOOD_AND_STRIKE[lang]
    rows = [{"channel_id": n, "text": text, "lang": lang} for event in events for n, text in enumerate(event, 1)]
    topics = _topics(builders.messages(*rows))
    assert topics["messages"].to_list() == [len(event) for event in events]
    for words in topics["keywords"].to_list():
        assert words
        assert all(any(word in " ".join(event).lower() for event in events) for word in words)


def test_a_run_without_spaces_is_cut_into_pieces_that_overlap() -> None:
    assert tokens("北京地震") == ["北", "京", "地", "震", "北京", "京地", "地震"]
    assert tokens("น้ำท่วมหนัก") == ["น้ำท่ว", "ท่วม", "วมห", "มหนั", "หนัก"]
    assert tokens("iPhone发布 в 2024") == ["iphone", "发", "布", "发布", "2024"]
    assert words_in("กรุงเทพมหานครน้ำท่วม 3 วัน") > 4


@pytest.mark.parametrize("written", ["Ё́лка", "Е\u0308лка", "ел\u00adка", "ЁЛКА"])
def test_one_word_in_several_spellings_is_one_token(written: str) -> None:
    assert tokens(written) == ["елка"]


def test_a_joiner_within_a_word_stays_and_within_emoji_goes() -> None:
    frame = builders.messages({"text": "ශ්\u200dරී ලංකාව 👨\u200d👩\u200d👧 هوش\u200cمصنوعی"})
    assert clean_texts(frame, repeated_lines(frame)).to_list() == ["ශ්\u200dරී ලංකාව هوش\u200cمصنوعی"]


def test_a_title_ends_where_a_sentence_of_its_script_ends() -> None:
    assert title("北京发生地震。数千人撤离。") == "北京发生地震。"
    assert title("दिल्ली में भारी बारिश हुई। यातायात ठप रहा।") == "दिल्ली में भारी बारिश हुई।"
    long = "น้ำท่วมกรุงเทพมหานครหลังฝนตกหนักตลอดคืนการจราจรติดขัดหลายเส้นทางและรถไฟฟ้าหยุดให้บริการทั้งวันแล้วนะ"
    assert 80 < len(title(long)) <= 90
    assert title(f"#हिन्दी_समाचार {'दिल्ली में बारिश हुई'}") == "दिल्ली में बारिश हुई"
