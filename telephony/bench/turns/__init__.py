"""Measuring turn-taking: callers whose words are known to the millisecond, run through the real audio path."""
