"""For users' own test suites: a pytest plugin, and assertions on a call that read as sentences."""
