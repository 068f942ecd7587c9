-- Question: when was a topic told, and by whom?
-- Parameters: $topic_id. The views hold one day's topic_messages and its window's messages.
-- Columns: hour (its start, UTC), channel_id, channel, channel_title, posts, and repeats (those of them that repeat an
--   earlier post); a row for each hour and channel with a post, oldest first.
SELECT
    date_trunc('hour', messages.date) AS hour, messages.channel_id, max(messages.channel) AS channel,
    max_by(messages.channel_title, messages.date) AS channel_title, count(*) AS posts,
    count(topic_messages.duplicate_of) AS repeats
FROM topic_messages
JOIN messages ON messages.channel_id = topic_messages.channel_id AND messages.msg_id = topic_messages.msg_id
WHERE topic_messages.topic_id = $topic_id
GROUP BY hour, messages.channel_id
ORDER BY hour, messages.channel_id
