"""Parts that pages share: what is shown of one noun, always the same way. No part reads the lake or the catalog."""
