-- Question: what does a topic say, each text once?
-- Parameters: $topic_id. The views hold one day's topic_messages and its window's messages.
-- Columns: those of topic_posts, of posts that repeat none, and repeats: the posts that repeat it (channel_id, msg_id,
--   channel, channel_title, date, url), oldest first; oldest post first.
WITH posts AS (
    SELECT
        topic_messages.similarity, topic_messages.duplicate_of, messages.channel_id, messages.msg_id, messages.channel,
        messages.channel_title, messages.date, messages.text, messages.lang, messages.type, messages.forwarded_from,
        messages.version, messages.deleted_at, messages.views, messages.forwards, messages.reactions, messages.comments,
        messages.url
    FROM topic_messages
    JOIN messages ON messages.channel_id = topic_messages.channel_id AND messages.msg_id = topic_messages.msg_id
    WHERE topic_messages.topic_id = $topic_id
),
repeats AS (
    SELECT
        duplicate_of AS key,
        list(
            struct_pack(
                channel_id := channel_id, msg_id := msg_id, channel := channel, channel_title := channel_title,
                date := date, url := url
            )
            ORDER BY date, channel_id, msg_id
        ) AS repeats
    FROM posts
    WHERE duplicate_of IS NOT NULL
    GROUP BY key
)
SELECT posts.*, coalesce(repeats.repeats, []) AS repeats
FROM posts
LEFT JOIN repeats ON repeats.key = posts.channel_id || '/' || posts.msg_id
WHERE
    posts.duplicate_of IS NULL
    OR posts.duplicate_of NOT IN (SELECT channel_id || '/' || msg_id FROM posts)
ORDER BY posts.date, posts.channel_id, posts.msg_id
