-- Question: where do the posts of a window stand on the map?
-- Parameters: $letters: how much of a text is shown. The views hold one day's topic_map and topics, and its window's messages.
-- Columns: x, y, channel_id, msg_id, channel, channel_title, date, url, topic_id, title (the topic's), story_id, excerpt
--   (of the text, in one line), method; by channel and post.
SELECT
    topic_map.x, topic_map.y, topic_map.channel_id, topic_map.msg_id, messages.channel, messages.channel_title,
    messages.date, messages.url, topic_map.topic_id, topics.title, topic_map.story_id,
    trim(left(regexp_replace(messages.text, '\s+', ' ', 'g'), $letters)) AS excerpt, topic_map.method
FROM topic_map
JOIN messages ON messages.channel_id = topic_map.channel_id AND messages.msg_id = topic_map.msg_id
LEFT JOIN topics ON topics.topic_id = topic_map.topic_id
ORDER BY topic_map.channel_id, topic_map.msg_id
