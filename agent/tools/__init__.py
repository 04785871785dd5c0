"""Tools: typed functions an agent may call, and how they are run."""
