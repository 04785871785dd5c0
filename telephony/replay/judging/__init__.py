"""What came of a call run again, where it first went another way, and how two runs of it differ. Pure."""
