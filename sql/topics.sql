-- Question: what is talked about?
-- Parameters: $limit. The views hold one day's topics.
-- Columns: those of topics, largest topic first.
SELECT *
FROM topics
ORDER BY messages DESC, channels DESC, topic_id
LIMIT $limit
