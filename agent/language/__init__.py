"""English as it is spoken: words, numbers, yes and no. Pure; what several rooms must read alike."""
