"""Cannot wait either: what to run next, what a text is worth, where a segment ends."""
