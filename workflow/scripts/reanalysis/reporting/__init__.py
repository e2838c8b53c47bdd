"""What readers see: tables, captions, the report page."""
