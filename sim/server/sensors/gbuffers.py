"""The G-buffers of sensor.camera.rgb: what CARLA's renderer knows of a pixel, as 8-bit pictures.

CARLA sends a black picture of a texture that its renderer has not made; so do we of those that
have no like here.
"""

from __future__ import annotations

from enum import IntEnum

from sim.server.scene import Planes, View
from sim.server.sensors import images
from sim.server.sensors.normals import normals

TYPE = 18  # of 8-bit G-buffers in the sensor registry of the 0.9.16 wheel


class Texture(IntEnum):
    """CARLA's GBufferTextureID."""

    SCENE_COLOUR = 0  # the picture before the film
    SCENE_DEPTH = 1  # coded as sensor.camera.depth
    SCENE_STENCIL = 2  # the label, in all three channels
    NORMALS = 3  # A: as sensor.camera.normals
    SURFACE = 4  # B: metallic, specular, roughness
    BASE_COLOUR = 5  # C: sRGB
    SHADING = 6  # D
    SHADOW_FACTORS = 7  # E
    TANGENTS = 8  # F
    VELOCITY = 9
    AMBIENT_OCCLUSION = 10
    CUSTOM_DEPTH = 11
    CUSTOM_STENCIL = 12


def payload(texture: Texture, planes: Planes, view: View) -> list[bytes | memoryview]:
    """The picture of a texture; for BASE_COLOUR the planes are those in flat light."""
    match texture:
        case Texture.SCENE_COLOUR | Texture.BASE_COLOUR:
            return images.rgb(planes, view.fov)
        case Texture.SCENE_DEPTH:
            return images.depth(planes, view.fov)
        case Texture.SCENE_STENCIL:
            return images.grey(planes.label, view.fov)
        case Texture.NORMALS:
            return normals(planes, view)
    return images.black(view.width_px, view.height_px, view.fov)
