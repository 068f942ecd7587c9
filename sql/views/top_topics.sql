-- Question: which topics led on each day, by window?
-- Columns: day, window, rank, topic_id, title, score, popularity, trend, messages, channels, url.
SELECT
    rankings.day, rankings."window", rankings.rank, topics.topic_id, topics.title, rankings.score, rankings.popularity,
    rankings.trend, rankings.messages, rankings.channels, messages.url
FROM rankings
JOIN topics ON topics.topic_id = rankings.entity_id AND topics.day = rankings.day
LEFT JOIN messages ON messages.channel_id = topics.channel_id AND messages.msg_id = topics.msg_id
WHERE rankings.entity_kind = 'topic'
