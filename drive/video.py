"""An annotated video of a drive: camera, rig, scene from above, plan, speed and reason."""

from __future__ import annotations

import math
from pathlib import Path

import av
import cv2
import numpy as np

from common.errors import UserError
from common.messages import Camera, ImageArray, LightState
from common.rig import ego_from_cam
from drive.draw import FAINT, GROUND, INK, LIGHT, PLAN, Colour, from_above, on_camera
from drive.episode import Step

VIEW = Camera("view", 896, 504, math.pi / 2, ego_from_cam((1.5, 0.0, 1.7), 0.0, 0.05))
"""What the audience sees; no driver looks through it."""

SIZE = (1280, 720)  # px
RATE = 10  # frames/s, the cameras'
THUMB = (176, 88)  # px of one rig camera
KMH = 3.6  # km/h per m/s: this is for people


class Video:
    """Writes an H.264 file, one frame per camera tick; remembers the last picture."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
        except OSError as error:
            raise UserError(f"expected to write {path}, got: {error}") from error
        self._stream = self._file.add_stream("libx264", rate=RATE)
        self._stream.width, self._stream.height = SIZE
        self._stream.pix_fmt = "yuv420p"
        self._stream.options = {"crf": "23", "preset": "veryfast"}

    def __enter__(self) -> Video:
        return self

    def __exit__(self, *_: object) -> None:
        for packet in self._stream.encode():
            self._file.mux(packet)
        self._file.close()

    def add(self, step: Step) -> None:
        """Draw a step that has a picture; the others pass by."""
        if step.view is None:
            return
        frame = av.VideoFrame.from_ndarray(compose(step), format="rgb24")
        for packet in self._stream.encode(frame):
            self._file.mux(packet)


def compose(step: Step) -> ImageArray:
    """One video frame (720, 1280, 3) RGB."""
    scene, plan = step.decision.scene, step.decision.plan
    out = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    out[:] = GROUND
    ego = step.observation.ego
    if step.view is not None:
        view = on_camera(step.view.image, step.view.camera, scene, plan)
        out[: view.shape[0], : view.shape[1]] = view
    above = from_above(scene, plan, step.observation.route, ego.world_from_ego)
    out[: above.shape[0], VIEW.width_px :] = above
    for i, frame in enumerate(step.observation.frames[:5]):
        thumb = cv2.resize(frame.image, THUMB, interpolation=cv2.INTER_AREA)
        x = 8 + i * (THUMB[0] + 2)
        out[624 : 624 + THUMB[1], x : x + THUMB[0]] = thumb
    _words(out, step)
    return out


def _words(out: ImageArray, step: Step) -> None:
    plan, scene = step.decision.plan, step.decision.scene
    speed = abs(step.observation.ego.speed) * KMH
    _text(out, f"{speed:3.0f}", (20, 582), 1.9, INK, 3)
    _text(out, "km/h", (150, 582), 0.7, FAINT, 1)
    _text(out, "waiting" if plan is None else plan.reason, (250, 560), 0.8, PLAN, 2)
    command = step.decision.command
    pedals = f"accel {command.accel:+.1f} m/s2   steer {command.steer:+.2f} rad"
    _text(out, f"{pedals}   {command.source.value}", (250, 594), 0.55, FAINT, 1)
    light = None if scene is None else scene.light
    if light is not None:
        cv2.circle(out, (860, 552), 16, LIGHT[light.state], -1, cv2.LINE_AA)
        if light.distance is not None and light.state is not LightState.OFF:
            _text(out, f"{light.distance:3.0f} m", (836, 594), 0.5, FAINT, 1)
    share = step.route_completion / 100.0
    cv2.rectangle(out, (912, 690), (1264, 698), (52, 58, 68), -1)
    cv2.rectangle(out, (912, 690), (912 + round(352 * share), 698), PLAN, -1)
    _text(out, f"{step.readings.t:6.1f} s", (912, 676), 0.6, INK, 1)
    _text(out, f"{step.route_completion:3.0f} % of the route", (1080, 676), 0.6, FAINT, 1)


def _text(
    out: ImageArray, words: str, at: tuple[int, int], size: float, colour: Colour, width: int
) -> None:
    cv2.putText(out, words, at, cv2.FONT_HERSHEY_DUPLEX, size, colour, width, cv2.LINE_AA)
