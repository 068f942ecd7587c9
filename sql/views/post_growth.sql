-- Question: how do a post's counters grow with its age?
-- Columns: channel_id, msg_id, age_hours, views, forwards, reactions, comments.
SELECT
    message_stats.channel_id, message_stats.msg_id,
    date_diff('minute', messages.date, message_stats.observed_at) / 60.0 AS age_hours,
    message_stats.views, message_stats.forwards, message_stats.reactions, message_stats.comments
FROM message_stats
JOIN messages ON messages.channel_id = message_stats.channel_id AND messages.msg_id = message_stats.msg_id
