"""An annotated video of a drive: camera, rig, scene from above, plan, speed and reason."""

from __future__ import annotations

import math
import queue
import threading
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
FRAGMENT = 2  # s; what a kill may cost
FRAGMENTS = {"movflags": "hybrid_fragmented", "flush_packets": "1"}
BACKLOG = 8  # pictures that may wait for the encoder
EMPTY: ImageArray = np.full((SIZE[1], SIZE[0], 3), GROUND, np.uint8)
KMH = 3.6  # km/h per m/s: this is for people


class Video:
    """Films a drive, one frame per camera tick, in a thread of its own.

    The file consists of whole fragments while it is written, so that it opens even when the drive
    was killed; it becomes a plain MP4 at the end. Remembers the steps that wait, at most `BACKLOG`:
    then the drive waits, since no frame is left out. Without any picture there is no file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._film: Film | None = None
        self._waiting: queue.Queue[Step | None] = queue.Queue(BACKLOG)
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="video", daemon=True)
        self._thread.start()

    def __enter__(self) -> Video:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._waiting.put(None)
        self._thread.join()
        if kind is None:
            self._check()

    def add(self, step: Step) -> None:
        """Keep a step that has a picture; the others pass by.

        Raises:
            UserError: the file could not be written on.
        """
        self._check()
        if step.view is not None:
            self._waiting.put(step)

    def _check(self) -> None:
        if isinstance(self._failure, OSError):
            raise UserError(f"expected to write {self._path}, got: {self._failure}")
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        while (step := self._waiting.get()) is not None:
            self._film_on(step)
        self._film_on(None)

    def _film_on(self, step: Step | None) -> None:
        """Add a step, None ends the file; nothing after a failure."""
        if self._failure is not None:
            return
        try:
            if step is not None:
                self._film = self._film or Film(self._path)
                self._film.add(compose(step))
            elif self._film is not None:
                self._film.close()
        except Exception as error:  # noqa: BLE001 - carried over to the drive's thread whole
            self._failure = error


class Film:
    """An H.264 file; it needs a picture before it is closed."""

    def __init__(self, path: Path) -> None:
        self._file = av.open(str(path), "w", format="mp4", options=FRAGMENTS)
        self._stream = self._file.add_stream("libx264", rate=RATE)
        self._stream.width, self._stream.height = SIZE
        self._stream.pix_fmt = "yuv420p"
        self._stream.gop_size = FRAGMENT * RATE
        self._stream.options = {"crf": "23", "preset": "superfast"}

    def add(self, picture: ImageArray) -> None:
        """One more frame (720, 1280, 3) RGB."""
        planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420)
        self._write(av.VideoFrame.from_ndarray(planes, format="yuv420p"))

    def close(self) -> None:
        """The last frames, and the index that makes it a plain MP4."""
        self._write(None)
        self._file.close()

    def _write(self, frame: av.VideoFrame | None) -> None:
        for packet in self._stream.encode(frame):
            self._file.mux(packet)


def compose(step: Step) -> ImageArray:
    """One video frame (720, 1280, 3) RGB."""
    scene, plan = step.decision.scene, step.decision.plan
    out = EMPTY.copy()
    ego = step.observation.ego
    if step.view is not None:
        view = out[: VIEW.height_px, : VIEW.width_px]
        view[:] = step.view.image
        on_camera(view, step.view.camera, scene, plan)
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
