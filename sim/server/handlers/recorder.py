"""RPCs of the recorder and replayer."""

from __future__ import annotations

from sim.server.rpc import Table, accepted


def nothing_recorded() -> str:
    """What a client reads instead of a recording."""
    return "this server does not record"


TABLE: Table = {
    "start_recorder": accepted("start_recorder: nothing is recorded", nothing_recorded),
    "stop_recorder": accepted("stop_recorder: nothing is recorded"),
    "show_recorder_file_info": accepted(
        "show_recorder_file_info: nothing is recorded", nothing_recorded
    ),
    "show_recorder_collisions": accepted(
        "show_recorder_collisions: nothing is recorded", nothing_recorded
    ),
    "show_recorder_actors_blocked": accepted(
        "show_recorder_actors_blocked: nothing is recorded", nothing_recorded
    ),
    "replay_file": accepted("replay_file: nothing is recorded", nothing_recorded),
    "set_replayer_time_factor": accepted("set_replayer_time_factor: nothing is replayed"),
    "set_replayer_ignore_hero": accepted("set_replayer_ignore_hero: nothing is replayed"),
    "set_replayer_ignore_spectator": accepted("set_replayer_ignore_spectator: nothing is replayed"),
    "stop_replayer": accepted("stop_replayer: nothing is replayed"),
}
