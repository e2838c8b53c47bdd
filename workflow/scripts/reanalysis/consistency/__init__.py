"""Read what a paper prints: consistent, attainable, by which convention."""
