"""The offline writer: an honest digest out of short attributed quotations and a few connecting sentences of its own.

It costs nothing, knows nothing beyond the posts and asserts nothing of its own about the world: what happened is said
in quotation marks with the channel named; its own sentences speak of the posts (how many, whose, when, whose figures
differ). What is worth quoting is decided in `quotes.py`, the wording is in `phrases.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tgstudio_dagster.ai.offline.phrases import Phrases, phrases
from tgstudio_dagster.ai.offline.quotes import MAX_QUOTE, Conflict, Quote, conflicts, rank_quotes, shorten
from tgstudio_dagster.ai.protocols import (
    MessageKey,
    Paragraph,
    Reply,
    Sentence,
    SourceMessage,
    WriteRequest,
    WriteResult,
    body_text,
)
from tgstudio_dagster.catalog.money.usage import OFFLINE
from tgstudio_dagster.core.errors import NewsroomError
from tgstudio_dagster.core.letters import is_hashtag
from tgstudio_dagster.topics.nouns import nominative

HEADLINE = 90
SHORT, MEDIUM, LONG = (
    260,
    850,
    2600,
)  # most characters of each body: the contract's 250, 800 and 2,500, with a little room
_NAME = 48
_FEWEST_LETTERS = 3  # of a hashtag
_PER_POST = 3


class OfflineWriter:
    """A Writer that needs no model: equal posts, language and tone give an equal digest."""

    @property
    def provider(self) -> str:
        """See Model."""
        return OFFLINE

    @property
    def model(self) -> str:
        """See Model."""
        return "offline-digest/1"

    @property
    def prompt_version(self) -> str:
        """See Writer."""
        return "offline-1"

    def write(self, request: WriteRequest) -> Reply[WriteResult]:
        """See Writer."""
        quotes = [quote for quote in rank_quotes(request.messages, request.language) if quote.text]
        if not quotes:
            raise NewsroomError(f"topic {request.topic_id}: none of its posts has text; order a topic with text.")
        return Reply(_Digest(request, phrases(request.language, request.tone), quotes).result(), self.model)


@dataclass(frozen=True)
class _Digest:
    request: WriteRequest
    say: Phrases
    quotes: list[Quote]

    def result(self) -> WriteResult:
        return WriteResult(
            headline=self._headline(),
            dek=self._dek(),
            body_short=self._short(),
            body_medium=self._body(MEDIUM, notes=[*self._differ()[:1], *self._language()]),
            body_long=self._body(LONG, notes=self._notes()),
            key_points=self._key_points(),
            hashtags=hashtags(self.request),
        )

    @property
    def _by_time(self) -> list[SourceMessage]:
        return sorted(self.request.messages, key=lambda message: (message.date, message.key))

    def _about_all(self, text: str) -> Sentence:
        return Sentence(text=text, messages=tuple(message.key for message in self._by_time))

    def _names(self) -> list[str]:
        """Channels in the order in which they wrote, each once."""
        return list({message.channel_id: _name(message) for message in self._by_time}.values())

    def _headline(self) -> Sentence:
        names = self._names()
        room = HEADLINE - len(self.say.headline("", names))
        leads = [quote for quote in self.quotes if quote.place == 0] or self.quotes
        cuts = [(quote.score, quote.text.rstrip("."), shorten(quote.text.rstrip("."), room)) for quote in leads]
        # A whole sentence reads better than a cut one, a longer beginning better than a shorter one.
        text = max(cuts, key=lambda cut: cut[0] * (1.0 if cut[1] == cut[2] else 0.75) * min(1.0, len(cut[2]) / 40))[2]
        if len(text) >= 12 or text in (whole for _, whole, _ in cuts):
            return self._about_all(self.say.headline(text, names))
        subjects = list(self.request.keywords[:4])
        while subjects and len(self.say.plain_headline(subjects, names)) > HEADLINE:
            subjects.pop()
        return self._about_all(self.say.plain_headline(subjects, names))

    def _dek(self) -> Sentence:
        first = self._by_time[0]
        return self._about_all(self.say.dek(_name(first), first.date, len(self.request.messages), len(self._names())))

    def _opening(self) -> Sentence:
        messages = self._by_time
        return self._about_all(self.say.opening(self._names(), messages[0].date, messages[-1].date))

    def _short(self) -> tuple[Paragraph, ...]:
        first = self.quotes[0]
        overhead = len(self.say.says(_speaker(first.message), "", 0)) + 2
        texts = {first: shorten(first.text, max(40, SHORT - overhead))}
        for quote in self.quotes[1:4]:
            longer = {**texts, quote: quote.text}
            if len(body_text((self._quoted(longer),))) <= SHORT:
                texts = longer
        return (self._quoted(texts),)

    def _body(self, limit: int, notes: Sequence[Sentence]) -> tuple[Paragraph, ...]:
        """Opening, quotations in order of time, notes: as many quotations, the best first, as the limit takes."""
        chosen: dict[Quote, str] = {}
        body = self._laid_out(chosen, notes)
        used: Counter[MessageKey] = Counter()
        for quote in self.quotes:
            if used[quote.message.key] == _PER_POST:
                continue
            longer = {**chosen, quote: shorten(quote.text, MAX_QUOTE)}
            wider = self._laid_out(longer, notes)
            if len(body_text(wider)) <= limit:
                chosen, body = longer, wider
                used[quote.message.key] += 1
        return body

    def _laid_out(self, chosen: dict[Quote, str], notes: Sequence[Sentence]) -> tuple[Paragraph, ...]:
        said = self._quoted(chosen)
        paragraphs = [said[place : place + 3] for place in range(0, len(said), 3)]
        return tuple(paragraph for paragraph in ((self._opening(),), *paragraphs, tuple(notes)) if paragraph)

    def _quoted(self, chosen: dict[Quote, str]) -> tuple[Sentence, ...]:
        said: list[Sentence] = []
        previous: MessageKey | None = None
        named = further = 0
        ordered = sorted(chosen, key=lambda quote: (quote.message.date, quote.message.key, quote.place))
        for quote in ordered:
            if quote.message.key == previous:
                text = self.say.goes_on(chosen[quote], further)
                further += 1
            else:
                text = self.say.says(_speaker(quote.message), chosen[quote], named)
                named += 1
                further = 0
            said.append(Sentence(text=text, messages=(quote.message.key,)))
            previous = quote.message.key
        return tuple(said)

    def _key_points(self) -> tuple[Sentence, ...]:
        points = [
            Sentence(
                text=self.say.says(_speaker(quote.message), shorten(quote.text, 170), 0), messages=(quote.message.key,)
            )
            for quote in self.quotes[:5]
        ]
        own = [self._opening(), *self._single(), self._about_all(self.say.closing())]
        return (*points, *own[: max(0, 3 - len(points))])

    def _notes(self) -> list[Sentence]:
        return [
            *self._differ(),
            *self._forwarded(),
            *self._edited(),
            *self._single(),
            *self._language(),
            self._about_all(self.say.closing()),
        ]

    def _differ(self) -> list[Sentence]:
        def sentence(conflict: Conflict) -> Sentence:
            said = [(_name(message), figure) for message, figure in conflict.said]
            return Sentence(text=self.say.differ(said), messages=tuple(message.key for message, _ in conflict.said))

        return [sentence(conflict) for conflict in conflicts(self._by_time)]

    def _forwarded(self) -> list[Sentence]:
        return self._about([m for m in self._by_time if m.forwarded_from is not None], self.say.forwarded)

    def _edited(self) -> list[Sentence]:
        return self._about([message for message in self._by_time if message.version > 1], self.say.edited)

    def _about(self, messages: Sequence[SourceMessage], wording: Callable[[Sequence[str]], str]) -> list[Sentence]:
        if not messages:
            return []
        names = list({message.channel_id: _name(message) for message in messages}.values())
        return [Sentence(text=wording(names), messages=tuple(message.key for message in messages))]

    def _single(self) -> list[Sentence]:
        names = self._names()
        return [self._about_all(self.say.single(names[0]))] if len(names) == 1 else []

    def _language(self) -> list[Sentence]:
        foreign = [m for m in self._by_time if m.lang not in (self.request.language, "und")]
        if not foreign:
            return []
        languages = sorted({message.lang for message in foreign})
        text = self.say.original_language(languages, every=len(foreign) == len(self.request.messages))
        return [Sentence(text=text, messages=tuple(message.key for message in foreign))]


def hashtags(request: WriteRequest) -> tuple[str, ...]:
    """At most ten candidates: the posts' own hashtags, those of most channels first, then the topic's keywords.

    Own hashtags stand as a post has them, keywords in the nominative; a verb is none.
    """
    channels: Counter[str] = Counter()
    for tag, _ in dict.fromkeys((tag.casefold(), m.channel_id) for m in request.messages for tag in m.hashtags):
        channels[tag] += 1
    own = sorted(channels, key=lambda tag: -channels[tag])
    keywords = (nominative(word.casefold()) for word in request.keywords)
    candidates = dict.fromkeys([*own, *(word for word in keywords if word is not None)])
    return tuple(tag for tag in candidates if is_hashtag(tag) and _FEWEST_LETTERS <= len(tag) <= 40)[:10]


def _speaker(message: SourceMessage) -> str:
    """Whose words the post holds: of a forward, its origin's."""
    return shorten(message.forwarded_from or "", _NAME) or _name(message)


def _name(message: SourceMessage) -> str:
    return shorten(message.title, _NAME) or message.title[:_NAME]
