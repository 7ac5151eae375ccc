"""Decides: captions, translates and moderates, each answer by its deadline."""
