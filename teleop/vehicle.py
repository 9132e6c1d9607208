"""The supervised vehicle: episodes in real time, each picture offered to the console."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import cv2
import numpy as np

from common.frames import FloatArray
from common.messages import (
    Camera,
    CameraFrame,
    Disengagement,
    EpisodeSpec,
    LightEstimate,
    Outcome,
)
from common.rig import ego_from_cam
from common.vehicle import LINCOLN_MKZ
from drive.episode import Step, episode
from drive.run import Simulator, driver_of, localiser_of
from planning.safety import SafetyGate
from sim.routes import ROUTES
from teleop.bridge import COMFORTABLE_STOP, SupervisedDriver
from teleop.handover import Mode
from teleop.hub import Hub, Picture
from teleop.link import frame_bytes
from teleop.recorder import Recorder
from teleop.server import json_line
from teleop.watchdog import LEGAL_LATENCY, stopping_distance

VIEW = Camera("operator", 640, 360, 5 * math.pi / 9, ego_from_cam((0.9, 0.0, 1.6), 0.0, 0.05))
JPEG_QUALITY = 80
TICK = 0.05  # s
REACTION = 1.0  # s, of a remote driver, StVFernLV's own example
LONGEST_LAG = 0.5  # s behind real time; more is given up rather than caught up
ROUTE_AHEAD = 60.0  # m shown
ROUND = 2  # digits of metres sent


def hello(vehicle: str) -> dict[str, object]:
    """What the console must know before the first picture."""
    return {
        "vehicle": vehicle,
        "camera": {
            "width_px": VIEW.width_px,
            "height_px": VIEW.height_px,
            "fov": VIEW.fov,
            "ego_from_cam": VIEW.ego_from_cam.tolist(),
        },
        "wheelbase": LINCOLN_MKZ.wheelbase,
        "length": LINCOLN_MKZ.length,
        "width": LINCOLN_MKZ.width,
        "max_steer": LINCOLN_MKZ.max_steer,
    }


def supervise(
    simulator: Simulator, spec: EpisodeSpec, hub: Hub, recorder: Recorder, stop: threading.Event
) -> Iterator[Disengagement]:
    """Drive route after route in real time until `stop`; gives each disengagement as it happens.

    Raises:
        UserError, RigError, DriverError: as an episode does.
    """
    frames = count(1)
    for lap in count():
        lap_spec = replace(spec, route=(spec.route + lap) % ROUTES, seed=spec.seed + lap)
        stage = simulator.stage(lap_spec, VIEW)
        driver = SupervisedDriver(driver_of(lap_spec), SafetyGate(), hub, time.monotonic)
        due, before = time.monotonic(), driver.supervision
        for step in episode(
            stage, driver, localiser_of(lap_spec, stage), frozenset({Outcome.SUCCESS})
        ):
            if step.view is not None:
                offer(hub, next(frames), step, step.view, driver)
            record(recorder, step, driver)
            now = driver.supervision
            if now.state.mode is not before.state.mode and before.state.mode is Mode.AUTONOMY:
                yield disengagement(step, driver)
            before = now
            if stop.is_set():
                return
            due = max(due + TICK, time.monotonic() - LONGEST_LAG)
            time.sleep(max(0.0, due - time.monotonic()))


def disengagement(step: Step, driver: SupervisedDriver) -> Disengagement:
    """Why the autonomy no longer drives."""
    state = driver.supervision.state
    taken = state.mode is Mode.REMOTE or "operator" in state.cause
    return Disengagement(
        "takeover" if state.mode is Mode.REMOTE else "minimum_risk",
        "operator" if taken else "system",
        step.readings.t,
        state.cause,
    )


def record(recorder: Recorder, step: Step, driver: SupervisedDriver) -> None:
    """One tick for the flight recorder."""
    now, command = driver.supervision, step.decision.command
    recorder.write(
        "tick",
        step.readings.t,
        mode=now.state.mode.value,
        cause=now.state.cause,
        latency=now.age,
        cap=now.cap,
        refused=now.refused,
        forged=now.forged,
        speed=step.observation.ego.speed,
        steer=command.steer,
        accel=command.accel,
        source=command.source.value,
    )


def offer(hub: Hub, frame_id: int, step: Step, view: CameraFrame, driver: SupervisedDriver) -> None:
    """Give the console this picture and the state that belongs to it."""
    driver.captures.captured(frame_id, time.monotonic())
    bgr = cv2.cvtColor(view.image, cv2.COLOR_RGB2BGR)
    _, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    camera = view.camera
    frame = frame_bytes(frame_id, view.t, camera.width_px, camera.height_px, jpeg.tobytes())
    hub.offer(Picture(frame_id, json_line(state_of(step, driver)), frame))


def state_of(step: Step, driver: SupervisedDriver) -> dict[str, object]:
    """What the console shows beside the picture; metres in the ego frame."""
    now, ego, command = driver.supervision, step.observation.ego, step.decision.command
    plan, scene = step.decision.plan, step.decision.scene
    latency = now.age if now.age is not None else LEGAL_LATENCY
    return {
        "type": "state",
        "t": step.readings.t,
        "mode": now.state.mode.value,
        "cause": now.state.cause,
        "emergency": now.state.emergency,
        "refused": now.refused,
        "rejected": now.forged,
        "latency": now.age,
        "grade": int(now.grade),
        "cap": now.cap,
        "speed": ego.speed,
        "steer": command.steer,
        "accel": command.accel,
        "stopping": stopping_distance(abs(ego.speed), REACTION, -COMFORTABLE_STOP, latency),
        "reason": "–" if plan is None else plan.reason,
        "light": None if scene is None else in_words(scene.light),
        "plan": [] if plan is None else metres(plan.xy),
        "lanes": [] if scene is None else [metres(lane.centre) for lane in scene.lanes],
        "route": route_ahead(step),
        "objects": []
        if scene is None
        else [
            {
                "kind": one.kind.value,
                "x": one.ego_from_object.x,
                "y": one.ego_from_object.y,
                "yaw": one.ego_from_object.yaw,
                "length": one.length,
                "width": one.width,
                "vx": float(one.velocity[0]),
                "vy": float(one.velocity[1]),
            }
            for one in scene.objects
        ],
    }


def in_words(light: LightEstimate | None) -> str | None:
    """A light as the operator reads it."""
    if light is None:
        return None
    where = "" if light.distance is None else f" in {light.distance:.0f} m"
    return light.state.value + where


def metres(points: FloatArray) -> list[list[float]]:
    """Points as they travel."""
    rounded: list[list[float]] = np.round(points, ROUND).tolist()
    return rounded


def route_ahead(step: Step) -> list[list[float]]:
    """The next stretch of the route, ego frame."""
    ego_from_world = step.observation.ego.world_from_ego.inverse()
    points = ego_from_world.apply(step.observation.route.points)
    nearest = int(np.argmin(np.hypot(points[:, 0], points[:, 1])))
    return metres(points[nearest : nearest + round(ROUTE_AHEAD)])
