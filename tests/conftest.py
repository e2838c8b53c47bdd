"""What unit and workflow tests share: this folder is importable (small_studies)."""
