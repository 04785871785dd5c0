"""The doctor: is everything in order for calls to come in, and if not, what to do."""
