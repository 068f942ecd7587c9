-- Question: what is ready to publish?
-- Parameters: none. The views hold the chosen orders' content_packages and editor_results.
-- Columns: order_id, every column of content_packages, and the editor result's topic_id, headline, dek, language, overlap,
--   source_links; newest order first.
SELECT
    content_packages.*, editor_results.topic_id, editor_results.headline, editor_results.dek, editor_results.language,
    editor_results.overlap, editor_results.source_links
FROM content_packages
JOIN editor_results ON editor_results.order_id = content_packages.order_id
ORDER BY content_packages.order_id DESC, content_packages.platform
