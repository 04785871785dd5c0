"""Keeping a call as a test: its folder without what is secret or personal, and a pytest test beside it."""
