"""Language model engines, behind the Protocol in base.py."""
