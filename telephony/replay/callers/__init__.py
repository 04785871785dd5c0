"""Who speaks on a replayed line: the caller as recorded, one that reacts to the agent, one that follows a script."""
