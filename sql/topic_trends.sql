-- Question: how often were topics told, hour by hour?
-- Parameters: $from (first hour, UTC). The views hold one day's topic_messages.
-- Columns: topic_id, hour (its start, UTC), posts; a row for each hour with a post, oldest first.
SELECT topic_id, date_trunc('hour', date) AS hour, count(*) AS posts
FROM topic_messages
WHERE date >= $from
GROUP BY topic_id, hour
ORDER BY topic_id, hour
