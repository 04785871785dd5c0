"""Text on its way to the mouth: clauses, the phrase cache, the mouth itself."""
