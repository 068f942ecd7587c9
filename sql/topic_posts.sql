-- Question: which posts make up a topic?
-- Parameters: $topic_id. The views hold one day's topic_messages and its window's messages.
-- Columns: similarity, duplicate_of, and the post's channel_id, msg_id, channel, channel_title, date, text, lang, type,
--   forwarded_from, version, deleted_at, views, forwards, reactions, comments, url; oldest first.
SELECT
    topic_messages.similarity, topic_messages.duplicate_of, messages.channel_id, messages.msg_id, messages.channel,
    messages.channel_title, messages.date, messages.text, messages.lang, messages.type, messages.forwarded_from,
    messages.version, messages.deleted_at, messages.views, messages.forwards, messages.reactions, messages.comments,
    messages.url
FROM topic_messages
JOIN messages ON messages.channel_id = topic_messages.channel_id AND messages.msg_id = topic_messages.msg_id
WHERE topic_messages.topic_id = $topic_id
ORDER BY messages.date, messages.channel_id, messages.msg_id
