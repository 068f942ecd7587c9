-- Question: what is ready to publish, and what was it made from?
-- Columns: order_id, platform, package_id, post_time, headline, text, hashtags, image_uri, failed_checks, topic_id,
--   language, overlap, source_links.
SELECT
    content_packages.order_id, content_packages.platform, content_packages.package_id, content_packages.post_time,
    editor_results.headline, content_packages.text, content_packages.hashtags, content_packages.image_uri,
    len(list_filter(content_packages.checks, lambda item: NOT item.passed)) AS failed_checks,
    editor_results.topic_id, editor_results.language, editor_results.overlap, editor_results.source_links
FROM content_packages
JOIN editor_results ON editor_results.order_id = content_packages.order_id
