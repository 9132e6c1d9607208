"""The data behind `sim.server.blueprints`: CARLA 0.9.16's vehicles, walkers, props and sensors."""
