"""Which letters a language is told by: makes workers/models/languages (see __main__)."""
