"""Group chats: what holds a talk together there, and what says nothing.

People in a chat answer each other in a few words, so their posts share few. A talk is held together by replies and by
nearness in time, which are added to the similarity of words before posts are clustered (cluster.py). Courtesies ("ок",
"спасибо", "good morning") take no part in topics, and a topic of a chat alone must say a few different things. A chat is
told from a channel by its senders: two people and more who write in their own name.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tgstudio_dagster.core.letters import one_spelling
from tgstudio_dagster.topics.words import NUMBER_OR_WORD, STOP_WORDS, stem

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

    from tgstudio_dagster.topics.neighbours import Hours, Numbers

REPLY = 0.6  # similarity of an answer and what it answers
NEXT = 0.5  # of two posts at the same moment with none between them; it falls with time and with posts between
FADE_HOURS = 1 / 6
FADE_POSTS = 25.0
REACH_POSTS = 40
FEWEST_STEMS = 4  # different words of a topic that a chat alone tells
FEWEST_SENDERS = 2
MOST_EQUAL = 20  # equal posts of chats that are looked at one by one; what is said more often is one post
_LONGEST = 80  # letters of a courtesy

_COURTESIES = """
much many see ок окей оке окда ага угу да не нет неа спс спасибо спасибочки благодарю пожалуйста пжл плиз привет приветик
приветствую здравствуйте здрасте здрасьте салют хай пока бай прощай супер класс классно круто отлично хорошо всем всех
все хорошего норм нормально ладно понятно понял поняла принято ясно ясненько точно конечно именно жесть ого вау ура
ужас лол кек ахах хм эх ой ох увы блин знаю согласен согласна поддерживаю плюсую плюс доброе добрый утро утречко день
вечер ночи спокойной завтра встречи связи большое огромное рада рад удачи поздравляю спасиб дякую привіт так ні добре
гаразд рахмет ok okay okey k kk yes yep yeah yup no nope nah thx thanks thank ty tnx please pls hi hello hey hiya bye
goodbye cya lol wow omg great cool nice super awesome perfect good morning evening afternoon night day tomorrow sure
right exactly agreed agree know got welcome congrats congratulations well fine sorry haha hehe hola gracias adios
danke bitte hallo tschüss ja nein guten morgen tag abend merci bonjour salut oui non grazie ciao prego obrigado
obrigada olá sim não teşekkürler merhaba evet hayır 好 好的 谢谢 嗯 哈哈 你好 ครับ ค่ะ ขอบคุณ สวัสดี はい ありがとう""".split()
_LAUGHTER = re.compile(
    r"п?[ахоеи]*(?:ха|ах|хо|хе|хи){2,}[ахоеи]*|ы{3,}|[ah]*(?:ha|ah){2,}[ah]*|(?:he|hi|ja|je|ka|ke){2,}|\w"
)


def is_courtesy(text: str) -> bool:
    """Whether a post of a chat says nothing: courtesies, laughter, figures, stop words, signs."""
    return len(text) <= _LONGEST and _is_courtesy(text.strip().lower())


def without_courtesies(posts: pl.DataFrame) -> pl.DataFrame:
    """The posts without those in which a person says nothing (`is_courtesy`); posts of a channel itself all stay."""
    short = pl.col("sender_id").is_not_null() & (pl.col("text").str.len_chars() <= _LONGEST)
    texts = posts.filter(short)["text"].unique()
    courtesies = texts.filter(pl.Series([is_courtesy(text) for text in texts], dtype=pl.Boolean))
    return posts if courtesies.is_empty() else posts.filter(~(short & pl.col("text").is_in(courtesies.to_list())))


def chats(posts: pl.DataFrame) -> list[int]:
    """Ids of the channels in which people write in their own names."""
    people = posts.group_by("channel_id").agg(
        senders=pl.col("sender_id").drop_nulls().n_unique(), share=pl.col("sender_id").is_not_null().mean()
    )
    return people.filter(pl.col("senders") >= FEWEST_SENDERS, pl.col("share") >= 0.5)["channel_id"].sort().to_list()


def apart(content: Numbers, in_chat: NDArray[np.bool_]) -> Numbers:
    """The classes of equal posts with those of chats each in one of its own: who says it again, says it in another talk."""
    often = np.bincount(content)[content] > MOST_EQUAL
    own = in_chat & ~often
    classes = content.copy()
    classes[own] = len(content) + np.arange(int(own.sum()))
    return classes


def held_together(near: csr_matrix, posts: pl.DataFrame, unit: Numbers, hours: Hours) -> csr_matrix:
    """The graph of similarities of units with what holds the talks of chats together.

    `posts` in order of time; `unit` and `hours` of each.
    """
    talking = np.flatnonzero(posts["channel_id"].is_in(chats(posts)).to_numpy())
    if len(talking) < 2:
        return near
    from scipy.sparse import coo_matrix

    rows, columns, values = _edges(posts[talking], hours[talking])
    at, to = unit[talking[rows]], unit[talking[columns]]
    different = at != to
    pairs = np.stack([np.minimum(at, to)[different], np.maximum(at, to)[different]])
    best = np.lexsort((-values[different], pairs[1], pairs[0]))  # of a pair the strongest comes first
    pairs, strength = pairs[:, best], values[different][best]
    first = np.ones(pairs.shape[1], dtype=bool)
    first[1:] = (pairs[:, 1:] != pairs[:, :-1]).any(axis=0)
    half = coo_matrix(
        (strength[first].astype(near.dtype), (pairs[0][first], pairs[1][first])), shape=near.shape
    ).tocsr()
    talk = half + half.T
    # As of two independent reasons to belong together: 1 - (1 - near) * (1 - talk).
    return (near + talk - near.multiply(talk)).tocsr()


def dissolved(cluster: Numbers, stems: csr_matrix, chat: NDArray[np.bool_]) -> Numbers:
    """The clusters of units, with those that a chat alone tells in fewer than FEWEST_STEMS words taken apart.

    `stems`: weights of the words of each unit; `chat`: whether the unit is of a chat. Numbers rise with the first unit.
    """
    if not chat.any():
        return cluster
    from tgstudio_dagster.topics.stories import group_sums

    units = np.arange(len(cluster))
    said = np.diff(group_sums(stems, units, cluster).indptr)
    of_chat = np.bincount(cluster, weights=~chat) == 0
    poor = (of_chat & (said < FEWEST_STEMS))[cluster]
    named = np.where(poor, len(cluster) + units, cluster)
    _, first, numbers = np.unique(named, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    renumbered: Numbers = rank[numbers]
    return renumbered


def _edges(posts: pl.DataFrame, hours: Hours) -> tuple[Numbers, Numbers, NDArray[np.float64]]:
    """Pairs of the posts' rows that a reply or nearness in time joins, and how strongly."""
    channel = posts["channel_id"].to_numpy()
    order = np.argsort(channel, kind="stable")
    at, to, values = [], [], []
    for step in range(1, min(REACH_POSTS, len(order) - 1) + 1):
        early, late = order[:-step], order[step:]
        strength = NEXT * np.exp(-(hours[late] - hours[early]) / FADE_HOURS - (step - 1) / FADE_POSTS)
        near = (channel[early] == channel[late]) & (strength >= 0.05)
        at.append(early[near])
        to.append(late[near])
        values.append(strength[near])
    keyed = posts.select("channel_id", "msg_id", "reply_to").with_row_index("row")
    answers = keyed.join(
        keyed.select("channel_id", reply_to="msg_id", answered="row"), on=["channel_id", "reply_to"], how="inner"
    ).sort("row")
    at.append(answers["row"].to_numpy().astype(np.int64))
    to.append(answers["answered"].to_numpy().astype(np.int64))
    values.append(np.full(answers.height, REPLY))
    return np.concatenate(at), np.concatenate(to), np.concatenate(values)


@lru_cache(maxsize=100_000)
def _is_courtesy(lowered: str) -> bool:
    words = NUMBER_OR_WORD.findall(one_spelling(lowered).replace("ё", "е"))
    return all(
        word in STOP_WORDS or not word[0].isalpha() or _LAUGHTER.fullmatch(word) or stem(word) in _courtesy_stems()
        for word in words
    )


@cache
def _courtesy_stems() -> frozenset[str]:
    return frozenset(stem(word) for word in _COURTESIES)
