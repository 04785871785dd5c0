"""The parts of a call's record that touch the disk: its folder, its journal file, its two-channel audio."""
