"""A stand-in for a language model's server: OpenAI's protocol over a real socket, its faults as data."""
