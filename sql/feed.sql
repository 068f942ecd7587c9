-- Question: what was posted lately?
-- Parameters: $channels, $langs, $types (lists, empty for all; a channel by username or id), $words (list: every word
--   stands in the text, without case), $limit.
-- Columns: channel_id, msg_id, channel, channel_title, date, edit_date, deleted_at, version, lang, type, text, hashtags,
--   links, forwarded_from, album, views, forwards, reactions, comments, attachments, url.
-- Service messages are left out unless asked for by type.
SELECT
    channel_id, msg_id, channel, channel_title, date, edit_date, deleted_at, version, lang, type, text, hashtags, links,
    forwarded_from, album, views, forwards, reactions, comments, attachments, url
FROM messages
WHERE
    (len($channels) = 0 OR channel IN (SELECT unnest($channels)) OR channel_id::VARCHAR IN (SELECT unnest($channels)))
    AND (len($langs) = 0 OR list_contains($langs, lang))
    AND (CASE WHEN len($types) = 0 THEN type <> 'service' ELSE list_contains($types, type) END)
    AND (len($words) = 0 OR len(list_filter($words, lambda word: NOT contains(lower(text), word))) = 0)
ORDER BY date DESC, channel_id, msg_id
LIMIT $limit
