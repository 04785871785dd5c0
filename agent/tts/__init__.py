"""Voices, behind the Protocol in base.py."""
