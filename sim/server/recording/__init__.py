"""CARLA's recorder and replayer, in CARLA's own binary format."""
