"""How the moderation models are made; nothing of it is needed to run Ontime."""
