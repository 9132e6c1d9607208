"""The network at work: frames of the rig -> Scene."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnxruntime

from common.errors import UserError
from common.messages import CameraFrame, EgoState, ImageArray, Scene
from common.rig import RIG
from perception.contract import INPUT, OUTPUT_SHAPES, RASTERS, RawOutputs, check
from perception.decode import decode_lanes, decode_light, decode_objects
from perception.track import LightFilter, Tracker

WEIGHTS = Path(__file__).parent / "weights" / "ninefold.onnx"
"""The shipped network."""
BELIEVED = 0.25
"""Confidence from which a detection may begin or feed a track: on held-out episodes, of vehicles
within 15 m nine in ten such detections are right and nine in ten vehicles are found."""


def stack(frames: tuple[CameraFrame, ...]) -> ImageArray:
    """The images (5, 128, 256, 3) in the rig's order.

    Raises:
        ValueError: a camera of the rig is missing.
    """
    by_name = {frame.camera.name: frame.image for frame in frames}
    missing = [camera.name for camera in RIG if camera.name not in by_name]
    if missing:
        raise ValueError(f"expected frames of {[c.name for c in RIG]}, missing {missing}")
    return np.stack([by_name[camera.name] for camera in RIG])


class Network:
    """A checked network file, ready to run. Holds no memory between calls."""

    def __init__(self, path: Path | str = WEIGHTS, threads: int = 1) -> None:
        """Load and check the file.

        Raises:
            UserError: there is no such file, it is no network, or not one of this contract.
        """
        path = Path(path)
        if not path.is_file():
            raise UserError(f"expected a network file, got {path}, which is none; check the path")
        content = path.read_bytes()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # half the work
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises its own, unrelated classes
            raise UserError(
                f"expected an ONNX network, got {path}, which onnxruntime cannot read;"
                " make one with `ninefold export`"
            ) from error
        check(
            str(path),
            self._session.get_modelmeta().custom_metadata_map,
            {port.name: (tuple(port.shape), port.type) for port in self._session.get_inputs()},
            {port.name: (tuple(port.shape), port.type) for port in self._session.get_outputs()},
        )
        self.name = f"{path.name} {hashlib.sha256(content).hexdigest()[:12]}"

    def __call__(self, images: ImageArray) -> RawOutputs:
        """Run on images (5, 128, 256, 3) uint8 RGB in the rig's order."""
        return RawOutputs(*self._session.run(list(OUTPUT_SHAPES), {INPUT: images}))


class OnnxPerception:
    """Frames to Scene. Memory: the tracker's and the light filter's."""

    def __init__(self, path: Path | str = WEIGHTS, threads: int = 1) -> None:
        self._network = Network(path, threads)
        self.name = self._network.name
        self.reset()

    def reset(self) -> None:
        """Forget every track."""
        self._tracker = Tracker()
        self._light = LightFilter()

    def perceive(self, frames: tuple[CameraFrame, ...], ego: EgoState) -> Scene:
        """What stands around the vehicle at the frames' time.

        `ego` is the localiser's belief for the same time; only differences of its pose matter.
        """
        raw = self._network(stack(frames))
        t = frames[0].t
        return Scene(
            t=t,
            objects=self._tracker.step(t, ego.world_from_ego, decode_objects(raw, BELIEVED)),
            lanes=decode_lanes(raw.rasters),
            light=self._light.step(t, decode_light(raw)),
            drivable=raw.rasters[RASTERS.index("drivable")],
            source=self.name,
        )
