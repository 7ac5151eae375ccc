"""Our own translation model: drafts in one pass (CTC), verifies in one more."""
