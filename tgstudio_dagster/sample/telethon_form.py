"""Messages as Telethon 1.45 dumps them: the dicts of `Message.to_dict()` as `to_json()` writes them.

The sample must build without the telegram extra, so the forms are spelled out here; tests/sample compares their fields
with Telethon's own classes. Beyond Telethon's keys there are two documented ones: `observed_at`, and `file` where a
file was taken.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tgstudio_dagster.sample.content import Channel, seeded
from tgstudio_dagster.sample.entities import Entity
from tgstudio_dagster.sample.files import Attachment
from tgstudio_dagster.sample.growth import Counters
from tgstudio_dagster.sample.publish import Message, Poll, Text

Form = dict[str, Any]

_ENTITIES = {
    "hashtag": "MessageEntityHashtag",
    "cashtag": "MessageEntityCashtag",
    "link": "MessageEntityUrl",
    "mention": "MessageEntityMention",
    "bold": "MessageEntityBold",
    "text_link": "MessageEntityTextUrl",
}
_CHANNEL_FLAGS = (
    "creator left broadcast verified megagroup restricted signatures min scam has_link has_geo slowmode_enabled "
    "call_active call_not_empty fake gigagroup noforwards join_to_send join_request forum stories_hidden "
    "stories_hidden_min stories_unavailable signature_profiles autotranslation broadcast_messages_allowed "
    "monoforum forum_tabs"
)
_CHANNEL_NOTHING = (
    "admin_rights banned_rights default_banned_rights stories_max_id color profile_color emoji_status level "
    "subscription_until_date bot_verification_icon send_paid_messages_stars linked_monoforum_id "
    "linked_community_id"
)
_MESSAGE_FLAGS = (
    "out mentioned media_unread silent post from_scheduled legacy edit_hide pinned noforwards invert_media "
    "offline video_processing_pending paid_suggested_post_stars paid_suggested_post_ton"
)
_MESSAGE_NOTHING = (
    "from_id from_boosts_applied from_rank saved_peer_id via_bot_id via_business_bot_id guestchat_via_from "
    "reply_markup ttl_period quick_reply_shortcut_id effect factcheck report_delivery_until_date "
    "paid_message_stars suggested_post schedule_repeat_period summary_from_language rich_message"
)


def channel_form(channel: Channel, subscribers: int) -> Form:
    """The `Channel` that opens a dump."""
    flags = _each(_CHANNEL_FLAGS, False) | {"broadcast": True, "left": False}
    flags |= {"has_link": channel.discussion is not None, "signatures": bool(channel.authors)}
    return {
        "_": "Channel",
        "id": channel.id,
        "title": channel.title,
        "photo": {"_": "ChatPhotoEmpty"},
        "date": f"{channel.created.isoformat()}T09:00:00+00:00",
        **flags,
        "access_hash": _identifier("access", channel.username),
        "username": channel.username,
        "restriction_reason": [],
        **_each(_CHANNEL_NOTHING),
        "participants_count": subscribers,
        "usernames": [],
    }


def message_form(message: Message, at: datetime) -> Form:
    """The message as a reader sees it at `at`: a Message, a MessageService or, once deleted, a MessageEmpty."""
    peer = _peer(message.channel)
    observed = {"observed_at": at.isoformat()}
    if message.deleted_by(at):
        return {"_": "MessageEmpty", "id": message.id, "peer_id": peer, **observed}
    if message.pins:
        return _pin_form(message, message.pins) | observed
    text, counters, edited = message.text_at(at), message.counters_at(at), message.edited_at(at)
    attachment = message.attachment
    form: Form = {
        "_": "Message",
        "id": message.id,
        "peer_id": peer,
        "date": message.at.isoformat(),
        "message": text.text,
        **_each(_MESSAGE_FLAGS, False),
        "post": True,
        "edit_hide": edited is not None and edited == message.touched_at,
        "pinned": message.pinned_at is not None and message.pinned_at <= at,
        **_each(_MESSAGE_NOTHING),
        "fwd_from": _forward(message.forward) if message.forward else None,
        "reply_to": _reply(message.reply_to) if message.reply_to else None,
        "media": _media(message, text, counters),
        "entities": _entities(text.text, text.entities),
        "views": counters.views,
        "forwards": counters.forwards,
        "replies": _replies(message, counters),
        "edit_date": edited.isoformat() if edited else None,
        "post_author": message.author,
        "grouped_id": message.grouped_id,
        "reactions": _reactions(counters) if message.place == 0 and counters.reactions else None,
        "restriction_reason": [],
        **observed,
    }
    if attachment and attachment.file:
        form["file"] = attachment.file
    return form


def _pin_form(message: Message, pinned: Message) -> Form:
    return {
        "_": "MessageService",
        "id": message.id,
        "peer_id": _peer(message.channel),
        "date": message.at.isoformat(),
        "action": {"_": "MessageActionPinMessage"},
        **_each("out mentioned media_unread reactions_are_possible silent legacy", False),
        "post": True,
        **_each("from_id saved_peer_id reactions ttl_period"),
        "reply_to": _reply(pinned),
    }


def _each(names: str, value: object = None) -> Form:
    """The keys of a form that have the same value in every form."""
    return dict.fromkeys(names.split(), value)


def _peer(channel: Channel) -> Form:
    return {"_": "PeerChannel", "channel_id": channel.id}


def _identifier(*parts: object) -> int:
    """A 63-bit number such as Telegram's own ids and access hashes."""
    return seeded(*parts).getrandbits(62) + 2**62


def _reference(*parts: object) -> str:
    return base64.b64encode(seeded("reference", *parts).randbytes(25)).decode()


def _forward(source: Message) -> Form:
    return {
        "_": "MessageFwdHeader",
        "date": source.at.isoformat(),
        "imported": False,
        "saved_out": False,
        "from_id": _peer(source.channel),
        "channel_post": source.id,
        "post_author": source.author,
        **_each("from_name saved_from_peer saved_from_msg_id saved_from_id saved_from_name saved_date psa_type"),
    }


def _reply(to: Message) -> Form:
    return {
        "_": "MessageReplyHeader",
        **_each("reply_to_scheduled forum_topic quote reply_to_ephemeral", False),
        "reply_to_msg_id": to.id,
        **_each(
            "reply_to_peer_id reply_from reply_media reply_to_top_id quote_text quote_offset todo_item_id poll_option"
        ),
        "quote_entities": [],
    }


def _replies(message: Message, counters: Counters) -> Form | None:
    if counters.comments is None or message.place:
        return None
    return {
        "_": "MessageReplies",
        "replies": counters.comments,
        "replies_pts": 4 * message.id + counters.comments,
        "comments": True,
        "recent_repliers": [],
        "channel_id": message.channel.discussion,
        "max_id": None,
        "read_max_id": None,
    }


def _reactions(counters: Counters) -> Form:
    results = [
        {
            "_": "ReactionCount",
            "reaction": {"_": "ReactionEmoji", "emoticon": emoji},
            "count": count,
            "chosen_order": None,
        }
        for emoji, count in counters.reactions
    ]
    return {
        "_": "MessageReactions",
        "results": results,
        "min": False,
        "can_see_list": False,
        "reactions_as_tags": False,
        "recent_reactions": [],
        "top_reactors": [],
    }


def _entities(text: str, entities: Sequence[Entity]) -> list[Form]:
    """Telegram counts offsets in UTF-16 units: an emoji is two."""
    forms = []
    for entity in entities:
        form: Form = {"_": _ENTITIES[entity.kind], "offset": _units(text[: entity.start])}
        form["length"] = _units(text[entity.start : entity.end])
        if entity.href:
            form["url"] = entity.href
        forms.append(form)
    return forms


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _media(message: Message, text: Text, counters: Counters) -> Form | None:
    if message.poll:
        return _poll(message, message.poll, counters)
    if message.attachment:
        original = message.forward or message
        if message.attachment.kind == "photo":
            return _photo(original, message.attachment)
        return _document(original, message.attachment)
    links = [text.text[e.start : e.end] for e in text.entities if e.kind == "link"]
    preview = next((link for link in links if link.startswith("https://")), None)
    return _web_page(preview) if preview else None


def _photo(original: Message, photo: Attachment) -> Form:
    key = (original.channel.username, original.id)
    small = photo.width // 2, photo.height // 2
    return {
        "_": "MessageMediaPhoto",
        "spoiler": False,
        "live_photo": False,
        "photo": {
            "_": "Photo",
            "id": _identifier("photo", *key),
            "access_hash": _identifier("photo hash", *key),
            "file_reference": _reference(*key),
            "date": original.at.isoformat(),
            "sizes": [
                {"_": "PhotoSize", "type": "m", "w": small[0], "h": small[1], "size": photo.size // 3},
                {"_": "PhotoSize", "type": "x", "w": photo.width, "h": photo.height, "size": photo.size},
            ],
            "dc_id": 2,
            "has_stickers": False,
            "video_sizes": [],
        },
        "ttl_seconds": None,
        "video": None,
    }


def _document(original: Message, file: Attachment) -> Form:
    key = (original.channel.username, original.id)
    attributes: list[Form] = [{"_": "DocumentAttributeFilename", "file_name": file.name}]
    if file.kind == "video":
        video = {"_": "DocumentAttributeVideo", "duration": float(file.duration), "w": file.width, "h": file.height}
        flags = _each("round_message nosound", False) | {"supports_streaming": True}
        nothing = _each("preload_prefix_size video_start_ts video_codec")
        attributes.insert(0, video | flags | nothing)
    return {
        "_": "MessageMediaDocument",
        "nopremium": False,
        "spoiler": False,
        "video": file.kind == "video",
        "round": False,
        "voice": False,
        "document": {
            "_": "Document",
            "id": _identifier("document", *key),
            "access_hash": _identifier("document hash", *key),
            "file_reference": _reference(*key),
            "date": original.at.isoformat(),
            "mime_type": file.mime,
            "size": file.size,
            "dc_id": 2,
            "attributes": attributes,
            "thumbs": [],
            "video_thumbs": [],
        },
        "alt_documents": [],
        "video_cover": None,
        "video_timestamp": None,
        "ttl_seconds": None,
    }


def _web_page(url: str) -> Form:
    nothing = "type title description photo embed_url embed_type embed_width embed_height duration author document"
    page: Form = {
        "_": "WebPage",
        "id": _identifier("page", url),
        "url": url,
        "display_url": url.removeprefix("https://"),
        "hash": 0,
        "has_large_media": False,
        "video_cover_photo": False,
        "site_name": url.removeprefix("https://").partition("/")[0],
        **_each(nothing),
        "cached_page": None,
        "attributes": [],
    }
    return {
        "_": "MessageMediaWebPage",
        "webpage": page,
        **_each("force_large_media force_small_media manual safe", False),
    }


def _poll(message: Message, poll: Poll, counters: Counters) -> Form:
    original = message.forward or message
    votes = [int(counters.views * 0.04 * share) for _, share in poll.answers]
    options = [base64.b64encode(str(place).encode()).decode() for place in range(len(votes))]
    flags = "closed public_voters multiple_choice quiz open_answers revoting_disabled shuffle_answers creator"
    return {
        "_": "MessageMediaPoll",
        "poll": {
            "_": "Poll",
            "id": _identifier("poll", original.channel.username, original.id),
            "question": _plain(poll.question),
            "answers": [
                {"_": "PollAnswer", "text": _plain(answer), "option": option, **_each("media added_by date")}
                for (answer, _), option in zip(poll.answers, options, strict=True)
            ],
            "hash": 0,
            **_each(flags, False),
            **_each("hide_results_until_close subscribers_only", False),
            "close_period": None,
            "close_date": None,
            "countries_iso2": [],
        },
        "results": {
            "_": "PollResults",
            "min": False,
            "has_unread_votes": False,
            "can_view_stats": False,
            "results": [
                {
                    "_": "PollAnswerVoters",
                    "option": option,
                    "chosen": False,
                    "correct": False,
                    "voters": count,
                    "recent_voters": [],
                }
                for option, count in zip(options, votes, strict=True)
            ],
            "total_voters": sum(votes),
            "recent_voters": [],
            "solution": None,
            "solution_entities": [],
            "solution_media": None,
        },
        "attached_media": None,
    }


def _plain(text: str) -> Form:
    return {"_": "TextWithEntities", "text": text, "entities": []}
