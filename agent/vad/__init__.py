"""Voice activity engines, behind the Protocol in base.py."""
