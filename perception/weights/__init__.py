"""The shipped network, with its card."""
