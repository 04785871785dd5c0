"""PCM: resampling, levels, fades."""
