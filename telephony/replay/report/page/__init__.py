"""What came of a run, as a page that stands alone: heard, seen, scrubbed, without a network."""
