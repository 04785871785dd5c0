"""Speech recognition engines, behind the Protocol in base.py."""
