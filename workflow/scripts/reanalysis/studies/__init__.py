"""Study folders: reading, checking and selecting what they hold."""
