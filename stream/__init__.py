"""Carries messages, each with its deadline; knows no model."""

__version__ = "0.1.0"
