"""The Media Streams protocol, both sides of it."""
