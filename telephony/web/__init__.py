"""The Quart app and the sockets it hosts."""
