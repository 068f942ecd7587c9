-- Question: what was posted lately?
-- Parameters: $channels (list: usernames in lower case or ids as text), $langs, $types (lists); an empty list means all,
--   for types all but service. $words (list in lower case): every one of them stands in the text, without case.
--   $before_date, $before_channel, $before_id: only posts that come after this one in the feed; null for the newest.
--   $limit. Comments are left out.
-- Columns: channel_id, msg_id, channel, channel_title, date, edit_date, deleted_at, version, lang, type, text, hashtags,
--   links, forwarded_from, album, views, forwards, reactions, comments, attachments, url; newest first.
SELECT
    channel_id, msg_id, channel, channel_title, date, edit_date, deleted_at, version, lang, type, text, hashtags, links,
    forwarded_from, album, views, forwards, reactions, comments, attachments, url
FROM messages
WHERE
    (len($channels) = 0 OR list_contains($channels, lower(channel)) OR list_contains($channels, channel_id::VARCHAR))
    AND (len($langs) = 0 OR list_contains($langs, lang))
    AND (CASE WHEN len($types) = 0 THEN type <> 'service' ELSE list_contains($types, type) END)
    AND comment_on IS NULL
    AND len(list_filter($words, lambda word: NOT contains(lower(text), word))) = 0
    AND ($before_date IS NULL OR (date, channel_id, msg_id) < ($before_date, $before_channel, $before_id))
ORDER BY date DESC, channel_id DESC, msg_id DESC
LIMIT $limit
