"""Our own recogniser of English: a streaming Conformer, a lexicon and a language model."""
