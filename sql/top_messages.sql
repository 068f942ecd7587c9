-- Question: which posts lead, and why?
-- Parameters: $window (24h or 7d), $limit. The views hold one day's rankings and its window's messages.
-- Columns: every column of rankings, and the post's text as title, channel, date, views, forwards, reactions, comments, url.
SELECT
    rankings.*, messages.text AS title, messages.channel, messages.date, messages.views, messages.forwards,
    messages.reactions, messages.comments, messages.url
FROM rankings
JOIN messages ON rankings.entity_id = messages.channel_id || '/' || messages.msg_id
WHERE rankings.entity_kind = 'message' AND rankings."window" = $window
ORDER BY rankings.rank
LIMIT $limit
