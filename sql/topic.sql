-- Question: what is one topic about?
-- Parameters: $topic_id. The views hold one day's topics and its window's messages.
-- Columns: those of topics, and its representative post's channel, channel_title, date, text, url; one row, or none.
SELECT
    topics.*, messages.channel, messages.channel_title, messages.date, messages.text, messages.url
FROM topics
LEFT JOIN messages ON messages.channel_id = topics.channel_id AND messages.msg_id = topics.msg_id
WHERE topics.topic_id = $topic_id
