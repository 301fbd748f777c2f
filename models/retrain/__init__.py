"""Retrains a MarianMT model so that its weights lie on binary codes (docs/RETRAINING.md)."""

VERSION = "0.1.0"


class Refusal(Exception):
    """Bad input: one message for the user, no traceback."""
