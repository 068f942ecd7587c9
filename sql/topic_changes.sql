-- Question: which topics split or merged?
-- Parameters: $topic_id: only what concerns it; null: all. The views hold some days' topic_changes, and those days' topics
--   with those of the day before, both with day.
-- Columns: day, kind (split: part of topic_id went on as other_id; merge: other_id went into topic_id), topic_id, title,
--   other_id, other_title, shared (posts that moved); newest day first, then by posts.
WITH titles AS (
    SELECT topic_id, max_by(title, day) AS title
    FROM topics
    GROUP BY topic_id
)
SELECT
    topic_changes.day, topic_changes.kind, topic_changes.topic_id, one.title, topic_changes.other_id,
    other.title AS other_title, topic_changes.shared
FROM topic_changes
LEFT JOIN titles AS one ON one.topic_id = topic_changes.topic_id
LEFT JOIN titles AS other ON other.topic_id = topic_changes.other_id
WHERE $topic_id IS NULL OR $topic_id IN (topic_changes.topic_id, topic_changes.other_id)
ORDER BY topic_changes.day DESC, topic_changes.shared DESC, topic_changes.kind, topic_changes.topic_id, topic_changes.other_id
