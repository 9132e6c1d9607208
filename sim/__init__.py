"""Everything that touches CARLA: the client side, and the embedded server."""
