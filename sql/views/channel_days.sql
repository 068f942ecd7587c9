-- Question: how much does each channel post, and how far does it reach, day by day?
-- Columns: day, channel_id, channel, posts, deleted, edited, median_views, forwards, reactions.
SELECT
    day, channel_id, any_value(channel) AS channel, count(*) AS posts,
    count(*) FILTER (deleted_at IS NOT NULL) AS deleted, count(*) FILTER (version > 1) AS edited,
    median(views) AS median_views, sum(forwards) AS forwards, sum(reactions) AS reactions
FROM messages
WHERE type <> 'service' AND comment_on IS NULL
GROUP BY day, channel_id
