"""Touches the world; each outside library has one owner."""
