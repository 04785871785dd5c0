"""The conversation: sound and words, and no wire protocol (docs/architecture.md)."""
