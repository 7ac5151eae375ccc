"""Cannot wait: no event loop, socket, clock, chance or logging."""
