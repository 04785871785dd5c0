"""PCM: resampling, levels."""
