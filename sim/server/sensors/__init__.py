"""What sensors measure: payload bytes after the 48-byte sensor header.

Everything comes in SI and ISO axes and leaves in CARLA's units and axes. Settings are read once
from the attributes' text; what a sensor must remember from tick to tick is a named object of its
own.
"""

TYPES = {
    "sensor.other.collision": 0,
    "sensor.camera.depth": 1,
    "sensor.camera.normals": 2,
    "sensor.camera.dvs": 3,
    "sensor.other.gnss": 4,
    "sensor.other.imu": 5,
    "sensor.other.obstacle": 7,
    "sensor.camera.optical_flow": 8,
    "sensor.other.radar": 9,
    "sensor.lidar.ray_cast_semantic": 10,
    "sensor.lidar.ray_cast": 11,
    "sensor.camera.rgb": 13,
    "sensor.camera.semantic_segmentation": 14,
    "sensor.camera.instance_segmentation": 15,
    "sensor.camera.cosmos_visualization": 16,
    "sensor.other.v2x": 20,
    "sensor.other.v2x_custom": 21,
}
"""Sensor type ids of the CARLA 0.9.16 client; the blueprints not listed have no stream."""
