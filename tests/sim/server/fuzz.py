"""Mutated RPC messages and stream subscriptions; the server lives, another client goes on.

    python -m tests.sim.server.fuzz --messages 200000

Most messages are calls of the table with arguments out of a pool of honest, wrong and monstrous
values; the rest are such messages with bytes changed, cut short, or plain noise. Meanwhile a
bystander, the genuine client, asks and looks; its slowest answer is told.
"""

import argparse
import contextlib
import math
import random
import socket
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field

import carla
import msgpack

from sim.launch import embedded_server
from sim.server.handlers import TABLE

HOST, STEP = "127.0.0.1", 0.05
BATCH = 50  # messages of one connection
LAST = 0xFFFFFF  # the id of a batch's last call
SLOW = {
    "load_new_episode", "get_navigation_mesh", "request_file", "get_map_data",
    "copy_opendrive_to_file",
    "get_actor_definitions", "ninefold_save_state", "ninefold_restore_state", "get_required_files",
    "get_all_level_BBs", "get_environment_objects", "get_names_of_all_objects",
    "show_recorder_file_info", "tick_cue", "apply_color_texture_to_objects",
    "apply_float_color_texture_to_objects",
}  # fmt: skip
"""Calls that are made more rarely."""

FILES = {"start_recorder", "replay_file", "show_recorder_file_info", "show_recorder_collisions",
         "show_recorder_actors_blocked"}  # fmt: skip
TYPES = (
    "vehicle.tesla.model3", "vehicle.yamaha.yzf", "walker.pedestrian.0001", "sensor.camera.rgb",
    "sensor.camera.dvs", "sensor.lidar.ray_cast", "sensor.other.imu", "sensor.other.collision",
    "static.prop.box01", "static.trigger.friction", "controller.ai.walker", "spectator", "nothing",
    "sensor.other.v2x", "sensor.other.v2x_custom", "vehicle.lincoln.mkz_2020",
)  # fmt: skip


BONES = ("crl_root", "crl_hips__C", "crl_arm__L", "crl_foreArm__R", "crl_thigh__L", "tail")


@dataclass
class Result:
    """What a run was like."""

    messages: int = 0
    answers: int = 0
    refused: int = 0
    cut: int = 0
    subscriptions: int = 0
    asked: int = 0
    slowest: float = 0.0  # s, the bystander's
    troubles: list[str] = field(default_factory=list)


class Fuzzer:
    """Memory: the dice, a folder for recordings, streams left open."""

    def __init__(self, seed, folder):
        self.dice, self.folder = random.Random(seed), folder
        self.methods = sorted(set(TABLE) - SLOW)
        self.open = []
        self.newest = 0  # id of an actor that came; a load begins new ones

    def who(self):
        """The id of an actor, as like as not."""
        return max(self.newest - 300, 0) + self.dice.randrange(400)

    def number(self):
        dice = self.dice
        return dice.choice(
            [0, 1, -1, 2, 255, 256, 1 << 16, 1 << 31, (1 << 63) - 1, -(1 << 63), 0.0, -0.5, 1e-300,
             1e300, float("nan"), float("inf"), -float("inf"), dice.random() * 100.0,
             dice.randrange(400), dice.randrange(400), dice.uniform(-300.0, 300.0)]
        )  # fmt: skip

    def place(self):
        dice = self.dice
        spot = [dice.uniform(-250, 250), dice.uniform(-250, 250), dice.uniform(-1, 5)]
        return [spot, [0.0, dice.uniform(-180.0, 180.0), 0.0]]

    def description(self):
        dice = self.dice
        attributes = [
            [name, dice.randrange(6), str(self.number())]
            for name in ("image_size_x", "fov", "sensor_tick", "color", "channels", "range")
            if dice.random() < 0.2
        ]
        return [dice.randrange(5), dice.choice(TYPES), attributes]

    def command(self):
        dice = self.dice
        payload = [self.who(), self.value(2)]
        if dice.random() < 0.3:
            payload = [self.description(), self.place(), [False], 0, "", []]
        return [[dice.randrange(23), payload]]

    def value(self, depth=0):
        dice = self.dice
        kind = dice.randrange(12 if depth < 3 else 8)
        if kind < 4:
            return self.number()
        if kind < 8:
            return dice.choice(
                [None, True, False, "", "x" * dice.randrange(300), b"\x00" * dice.randrange(40),
                 "city", "Carla/Maps/city", "\ud7ff", {}, {"a": 1}, []]
            )  # fmt: skip
        if kind == 8:
            return self.place()
        if kind == 9:
            return [self.number() for _ in range(dice.randrange(8))]
        if kind == 10:
            return self.description()
        return [self.value(depth + 1) for _ in range(dice.randrange(18))]

    def looks(self, method):
        """Honest arguments of a call about sensors or looks; None for other calls."""
        dice, who = self.dice, self.who()
        some = [self.who() for _ in range(dice.randrange(4))]
        bones = [[dice.choice(BONES), self.place()] for _ in range(dice.randrange(4))]
        texture = [2, 2, [[dice.randrange(256) for _ in range(4)] for _ in range(4)]]
        names = [f"Building_{dice.randrange(400)}" for _ in some]
        return {
            "set_ignored_vehicles": [who, some],
            "get_gbuffer_token": [who, dice.randrange(14)],
            "enable_gbuffers": [who, dice.random() < 0.8],
            "send": [who, "x" * dice.randrange(300)],
            "set_bones_transform": [who, [bones]],
            "blend_pose": [who, dice.choice([0.0, 0.5, 1.0])],
            "open_vehicle_door": [who, dice.randrange(8)],
            "close_vehicle_door": [who, dice.randrange(8)],
            "set_wheel_steer_direction": [who, dice.randrange(5), self.number()],
            "set_wheel_pitch_angle": [who, dice.randrange(5), self.number()],
            "get_wheel_steer_angle": [who, dice.randrange(5)],
            "set_actor_simulate_physics": [who, dice.random() < 0.5],
            "apply_color_texture_to_objects": [names, 2, texture],
            "apply_float_color_texture_to_objects": [names, 2, texture],
            "get_actor_component_world_transform": [who, dice.choice(["", "front-blinker-r-1"])],
        }.get(method)

    def call(self):
        """A request as a value."""
        dice = self.dice
        method = dice.choice(self.methods if dice.random() < 0.995 else sorted(SLOW))
        low, high = TABLE[method].arity
        count = dice.choice([low, low, min(high, low + 1), high if high < 9 else 2, 0, 5])
        arguments = [self.value() for _ in range(count)]
        if method == "apply_batch" and dice.random() < 0.8:
            arguments = [[self.command() for _ in range(dice.randrange(6))], False]
        elif method.startswith("spawn_actor") and dice.random() < 0.8:
            arguments = [self.description(), self.place(), self.who(), 0, ""][:count]
        elif arguments and dice.random() < 0.6 and method not in FILES:
            arguments[0] = self.who()
        if dice.random() < 0.6:
            arguments = self.looks(method) or arguments
        if method in FILES:
            arguments[:1] = [f"{self.folder}/{dice.randrange(4)}.log"]
        return [0, dice.randrange(LAST), method, [[dice.random() < 0.2], *arguments]]

    def message(self):
        """The bytes of a message, honest or not."""
        dice = self.dice
        call = self.call()
        data = bytearray(msgpack.packb(call, use_bin_type=True))
        fate = dice.random()
        if fate < 0.015 and call[2] not in FILES:
            for _ in range(dice.randrange(1, 6)):
                data[dice.randrange(len(data))] = dice.randrange(256)
        elif fate < 0.018:
            data = data[: dice.randrange(len(data))]
        elif fate < 0.02:
            data = bytearray(dice.randbytes(dice.randrange(1, 200)))
        return bytes(data)

    def batch(self, port, count, result):
        """Some messages over one connection; reads until the last is answered or all is cut."""
        data = b"".join(self.message() for _ in range(count))
        data += msgpack.packb([0, LAST, "version", [[False]]])
        result.messages += count
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), 60.0) as sock:
            sender = threading.Thread(target=_send, args=(sock, data))
            sender.start()
            sock.settimeout(60.0)
            try:
                self.read(sock, result)
            finally:
                sock.close()
                sender.join()

    def read(self, sock, result):
        unpacker = msgpack.Unpacker(raw=False, strict_map_key=False, unicode_errors="replace")
        while True:
            data = sock.recv(1 << 18)
            if not data:
                result.cut += 1
                return
            unpacker.feed(data)
            for _, number, error, answer in unpacker:
                result.answers += 1
                self.notice(answer)
                result.refused += error is not None or _refused(answer)
                if number == LAST:
                    return

    def notice(self, answer):
        """Remember the actor that an answer tells of."""
        match answer:
            case [[1, [int(actor), int(_), [int(_), str(_), list(_)], *_]]]:
                self.newest = max(self.newest, actor)

    def subscribe(self, port, result):
        """A stream connection that says anything, and closes or stays."""
        dice = self.dice
        with contextlib.suppress(OSError):
            sock = socket.create_connection((HOST, port + 1), 60.0)
            result.subscriptions += 1
            head = dice.randrange(60).to_bytes(4, "little")
            sock.sendall(head if dice.random() < 0.7 else dice.randbytes(dice.randrange(1, 9)))
            self.open.append(sock)
        while len(self.open) > dice.randrange(20):
            self.open.pop(dice.randrange(len(self.open))).close()


def _send(sock, data):
    with contextlib.suppress(OSError):
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)  # a half message shall not wait for its other half


def _refused(answer):
    match answer:
        case [[0, _]] | [[True, _]]:
            return True
    return False


def bystander(port, stop, result):
    """The genuine client: every answer must come, and be right."""
    client = carla.Client(HOST, port, worker_threads=2)
    client.set_timeout(60.0)
    while not stop.is_set():
        begun = time.monotonic()
        try:
            world = client.get_world()
            if client.get_server_version() != "0.9.16" or world.get_snapshot().frame < 0:
                result.troubles.append("a wrong answer")
            world.tick(60.0)
        except RuntimeError as error:
            result.troubles.append(str(error))
        result.slowest = max(result.slowest, time.monotonic() - begun)
        result.asked += 1
        time.sleep(0.2)


def fuzz(port, messages, seed=1, seconds=math.inf):
    """Send so many messages to a server, within so many seconds; what it was like."""
    result, stop = Result(), threading.Event()
    watcher = threading.Thread(target=bystander, args=(port, stop, result))
    watcher.start()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        fuzzer = Fuzzer(seed, folder)
        end = time.monotonic() + seconds
        while result.messages < messages and time.monotonic() < end:
            fuzzer.batch(port, min(BATCH, messages - result.messages), result)
            for _ in range(3):
                fuzzer.subscribe(port, result)
        for sock in fuzzer.open:
            sock.close()
        stop.set()
        watcher.join()
        with contextlib.suppress(RuntimeError):
            carla.Client(HOST, port).stop_recorder()
    return result


def main():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=math.inf)
    wanted = parser.parse_args()
    with embedded_server("city", step=STEP) as port:
        begun = time.monotonic()
        result = fuzz(port, wanted.messages, wanted.seed, wanted.seconds)
        client = carla.Client(HOST, port)
        client.set_timeout(60.0)
        assert client.get_server_version() == "0.9.16"
    sys.stdout.write(f"{time.monotonic() - begun:.0f} s: {result}\n")


if __name__ == "__main__":
    main()
