"""CARLA 0.9.16's protocol, world and sensors in Python: a program of its own."""
