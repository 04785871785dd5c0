"""Faults as data: what goes wrong on a line and in engines, for calls in virtual time and in the sandbox."""
