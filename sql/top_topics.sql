-- Question: which topics lead, and why?
-- Parameters: $window (24h or 7d), $limit. The views hold one day's rankings and topics.
-- Columns: every column of rankings, and the topic's title, keywords, lang, first_seen, last_seen, story_id, and the url
--   and channel of its representative post.
SELECT
    rankings.*, topics.title, topics.keywords, topics.lang, topics.first_seen, topics.last_seen, topics.story_id,
    messages.channel, messages.url
FROM rankings
JOIN topics ON topics.topic_id = rankings.entity_id
LEFT JOIN messages ON messages.channel_id = topics.channel_id AND messages.msg_id = topics.msg_id
WHERE rankings.entity_kind = 'topic' AND rankings."window" = $window
ORDER BY rankings.rank
LIMIT $limit
