"""Slots: what a caller is asked for - how far an answer has come, its value, how it is heard and read back. Pure."""
