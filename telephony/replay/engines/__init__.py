"""Engines that give again what the record of a call holds, at its media times, and the kit that joins them."""
