"""RPCs of the recorder and replayer; a file that cannot be read is told in words, as in CARLA."""

from __future__ import annotations

from collections.abc import Callable

from sim.server import wire
from sim.server.recording import queries, tape
from sim.server.recording.replayer import BEHIND, Request
from sim.server.recording.tape import Reel, TapeError
from sim.server.rpc import RpcError, Table, value, void
from sim.server.simulation import Call
from sim.server.wire import Wire


def start_recorder(call: Call, name: str, additional: bool = False) -> str:
    """Record from now on; the file's path."""
    try:
        return str(call.sim.deck.record(wire.text(name), additional=bool(additional)))
    except TapeError as error:
        raise RpcError(f"unable to record: {error}") from error


def stop_recorder(call: Call) -> None:
    """End the recording."""
    call.sim.deck.stop()


def told(name: str, tell: Callable[[Reel], str]) -> str:
    """What a query says of a file, or why it cannot."""
    try:
        with Reel(tape.file_of(wire.text(name))) as reel:
            return tell(reel)
    except TapeError as error:
        return f"{error}\n"


def show_recorder_file_info(call: Call, name: str, everything: bool) -> str:
    """What a recording holds."""
    return told(name, lambda reel: queries.info(reel, everything=bool(everything)))


def show_recorder_collisions(call: Call, name: str, first: int, second: int) -> str:
    """Who met whom; the categories are character codes."""
    kinds = [chr(wire.whole(code) & 0x7F) for code in (first, second)]
    return told(name, lambda reel: queries.collisions(reel, *kinds))


def show_recorder_actors_blocked(call: Call, name: str, t: float, distance: float) -> str:
    """Who moved less than a distance (cm) for a time (s)."""
    least = wire.number(t), wire.number(distance)
    return told(name, lambda reel: queries.blocked(reel, *least))


def replay_file(
    call: Call,
    name: str,
    start: float,
    duration: float,
    follow: int,
    sensors: bool = False,
    offset: Wire = None,
) -> str:
    """Play a recording into the world."""
    view = BEHIND if offset is None else wire.pose(offset)
    times = wire.number(start), wire.number(duration)
    request = Request(*times, wire.whole(follow), bool(sensors), view)
    try:
        return call.sim.deck.replay(wire.text(name), request)
    except TapeError as error:
        return f"{error}\n"


def set_replayer_time_factor(call: Call, factor: float) -> None:
    """How many times as fast as recorded."""
    if not 0.0 <= wire.number(factor) <= MOST_PACE:
        raise RpcError(f"expected a time factor in [0, {MOST_PACE:g}], got {factor}")
    call.sim.deck.wishes.pace = factor


def set_replayer_ignore_hero(call: Call, ignore: bool) -> None:
    """Leave the hero to its driver."""
    call.sim.deck.wishes.ignore_hero = bool(ignore)


def set_replayer_ignore_spectator(call: Call, ignore: bool) -> None:
    """Leave the spectator where it is."""
    call.sim.deck.wishes.ignore_spectator = bool(ignore)


def stop_replayer(call: Call, keep: bool) -> None:
    """End the replay, with its actors or without those that the recording takes away."""
    call.sim.deck.stop_replay(keep=bool(keep))


MOST_PACE = 1000.0

TABLE: Table = {
    "start_recorder": value(start_recorder),
    "stop_recorder": void(stop_recorder),
    "show_recorder_file_info": value(show_recorder_file_info),
    "show_recorder_collisions": value(show_recorder_collisions),
    "show_recorder_actors_blocked": value(show_recorder_actors_blocked),
    "replay_file": value(replay_file),
    "set_replayer_time_factor": void(set_replayer_time_factor),
    "set_replayer_ignore_hero": void(set_replayer_ignore_hero),
    "set_replayer_ignore_spectator": void(set_replayer_ignore_spectator),
    "stop_replayer": void(stop_replayer),
}
