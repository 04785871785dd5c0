"""A call as a picture, made from its record."""
