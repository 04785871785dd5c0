"""PCM: resampling, levels, fades, what was heard lately."""
