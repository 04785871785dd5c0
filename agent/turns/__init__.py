"""Turn-taking: pure state machines, events and media time in, decisions out."""
