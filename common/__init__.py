"""The vocabulary every package shares: frames, messages, the ego vehicle. numpy only, no I/O."""
