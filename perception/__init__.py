"""Camera frames in, Scene out."""
