"""What belongs to a word in the scripts of the world: combining marks, joiners, scripts without spaces, hashtags.

Python's `\\w` ends a word at every combining mark (Mn, Mc), so "हिन्दी" falls into three. The patterns here don't. Stems,
stop words and languages are handled in the topics and search rooms.
"""

from __future__ import annotations

import re
import unicodedata

_MARK_BLOCKS = (  # where Unicode has combining marks of letters; signs of music and the selectors of emoji are none
    *((0x0300, 0x1FFF), (0x2DE0, 0x2DFF), (0x302A, 0x309A), (0xA66F, 0xABFF), (0xFB1E, 0xFB1E), (0xFE20, 0xFE2F)),
    *((0x10000, 0x11FFF), (0x16A00, 0x16FFF), (0x1E000, 0x1E9FF)),
)


def _marks() -> str:
    """A character class (without brackets) of all combining marks."""
    spans: list[list[int]] = []
    for first, last in _MARK_BLOCKS:
        for code in range(first, last + 1):
            if unicodedata.category(chr(code)) not in ("Mn", "Mc"):
                continue
            if spans and spans[-1][1] == code - 1:
                spans[-1][1] = code
            else:
                spans.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in spans)


MARKS = _marks()
"""Combining marks (Mn, Mc), as the inside of a character class."""

_JOINERS = "\u00ad\u200c\u200d\u2060"
# Written between marks and letters and seen by nobody: a soft hyphen, and joiners within words of Indic scripts. After a
# bare letter ZWNJ parts a Persian word from its ending, as a space would.
_INSIDE = rf"(?:\u00ad(?=[^\W\d_])|\u2060|\u200d|(?<=[{MARKS}])\u200c)"

HAN_AND_KANA = (
    "\u3005-\u3007\u3041-\u3096\u309d-\u30ff\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
SOUTH_EAST_ASIAN = (  # Thai, Lao, Burmese, Khmer, Tai Le, Tai Tham, Balinese, Javanese, Tai Viet and their additions
    "\u0e01-\u0e30\u0e32-\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2-\u0eb3\u0ebd-\u0ec6\u0edc-\u0edf\u1000-\u102a\u103f\u1050-\u1055"
    "\u105a-\u105d\u1061\u1065-\u1066\u106e-\u1070\u1075-\u1081\u108e\u1780-\u17b3\u17d7\u17dc\u1950-\u19ab\u19b0-\u19c9"
    "\u1a20-\u1a54\u1aa7\u1b05-\u1b33\u1b45-\u1b4c\ua984-\ua9b2\ua9cf\ua9e0-\ua9e4\ua9e6-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa76"
    "\uaa7a\uaa7e-\uaaaf\uaab1\uaab5-\uaab6\uaab9-\uaabd\uaac0\uaac2\uaadb-\uaadd"
)
UNSPACED = HAN_AND_KANA + SOUTH_EAST_ASIAN
"""Letters of scripts that set no space between words, as the inside of a character class."""

# A letter with its marks; Thai and Lao vowels that stand before or after their consonant, letters that another script
# stacks below or silences. No word of these scripts begins or ends inside.
SYLLABLE = (
    rf"[{HAN_AND_KANA}][{MARKS}]*"
    rf"|[\u0e40-\u0e44\u0ec0-\u0ec4]?[{SOUTH_EAST_ASIAN}][{MARKS}\u200d]*"
    rf"(?:[\u0e30\u0e32\u0e33\u0e45\u0e46\u0eb0\u0eb2\u0eb3\u0ec6\u0ebd][{MARKS}]*"
    rf"|(?<=[\u17d2\u1039])[{SOUTH_EAST_ASIAN}][{MARKS}]*|[\u1000-\u102a][{MARKS}]*?\u103a[{MARKS}]*)*"
)
LETTERS = rf"[^\W\d_]+(?:(?:[{MARKS}]|{_INSIDE})+[^\W\d_]*)*"
"""A run of letters with their marks."""

SPACED_LETTERS = rf"[^\W\d_{UNSPACED}]+(?:(?:[{MARKS}]|{_INSIDE})+[^\W\d_{UNSPACED}]*)*"
"""A run of letters of scripts that set spaces."""

HASHTAG_LETTER = rf"[\w{MARKS}\u200c\u200d\u00b7]"
"""What a hashtag may hold: letters with their marks, digits, _ and what joins letters."""

HASHTAG = rf"(?:[^\W\d]|\d+[^\W\d]){HASHTAG_LETTER}*"
"""A hashtag without its #: not of digits alone."""

# All that is handled here stands in these blocks; most texts have none of it, which one look tells.
_NOT_SIMPLE = re.compile(
    "[\u00ad\u0300-\u036f\u0483-\u0489\u0590-\u1dff\u200c\u200d\u2060\u2de0-\u2dff\u3005-\ufdff\ufe20-\ufe2f\uff66-\uff9f"
    "\U00010000-\U0001efff\U00020000-\U0003ffff]"
)
_SYLLABLE = re.compile(SYLLABLE)
_HASHTAG = re.compile(rf"[^\W\d]{HASHTAG_LETTER}*")
_ODD = re.compile(
    "[\u00ad\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u0652\u0656-\u065f\u0670\u06d6-\u06ed\u0e4d\u0ecd\u200c\u200d\u2060]"
)
# Marks that may as well be left out: stress, the points of Hebrew and Arabic, the stroke that lengthens an Arabic word.
_LEFT_OUT = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1-\u05c2\u05c4-\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u0652\u0656-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed]"
)
# Thai and Lao write am as one letter, or as its ring and a, with the tone on either side of the ring.
_SARA_AM = re.compile("([\u0e48-\u0e4b\u0ec8-\u0ecb]?)([\u0e4d\u0ecd])([\u0e48-\u0e4b\u0ec8-\u0ecb]?)[\u0e32\u0eb2]")
_HIDDEN = re.compile(rf"\u00ad|\u2060|\u200d|(?<=[{MARKS}])\u200c")


def _sara_am(match: re.Match[str]) -> str:
    return match[1] + match[3] + ("\u0e33" if match[2] == "\u0e4d" else "\u0eb3")


def is_simple(text: str) -> bool:
    """Whether each letter of the text is one character and words stand apart by spaces: Latin, Cyrillic, Greek and the like."""
    return _NOT_SIMPLE.search(text) is None


def one_spelling(text: str) -> str:
    """The text composed (NFC), without soft hyphens and joiners, and without marks that people leave out as they like."""
    if is_simple(text):
        return text
    composed = unicodedata.normalize("NFC", text)
    if not _ODD.search(composed):
        return composed
    return _SARA_AM.sub(_sara_am, _HIDDEN.sub("", _LEFT_OUT.sub("", composed)))


def is_hashtag(tag: str) -> bool:
    """Whether all platforms take it for a hashtag, without its #: letters with their marks, digits, _, no digit first."""
    return _HASHTAG.fullmatch(tag) is not None


def syllables(run: str) -> list[str]:
    """The parts of a run of such letters that no word begins or ends inside."""
    return _SYLLABLE.findall(run)


def cut_at(text: str, length: int) -> str:
    """At most `length` characters of the text, cut before a letter or sign, never between a letter and its marks."""
    if len(text) <= length:
        return text
    end = length
    while end > 0 and (unicodedata.category(text[end]) in ("Mn", "Mc") or text[end] in _JOINERS):
        end -= 1
    return text[: end or length]
