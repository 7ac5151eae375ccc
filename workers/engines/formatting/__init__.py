"""Spoken words to written text: case, punctuation and numbers."""
