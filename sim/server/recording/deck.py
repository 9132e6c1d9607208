"""The server's one recorder and one replayer: as in CARLA either runs, never both."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from sim.server.recording import tape
from sim.server.recording.recorder import Recorder
from sim.server.recording.replayer import Replayer, Request, Wishes
from sim.server.recording.tape import Reel
from sim.server.rpc import RpcError

if TYPE_CHECKING:
    from sim.server.simulation import Simulation

log = logging.getLogger(__name__)


class Deck:
    """Memory: what is being recorded or replayed, and what clients set for replays."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.wishes = Wishes()
        self.recorder: Recorder | None = None
        self.replayer: Replayer | None = None

    def record(self, name: str, *, additional: bool) -> Path:
        """Begin a recording; ends one that runs, and a replay.

        Raises:
            TapeError: the file cannot be written.
        """
        self.stop_replay(keep=False)
        self.stop()
        self.recorder = Recorder(tape.file_of(name), self.sim.episode, additional)
        return self.recorder.path

    def stop(self) -> None:
        """End the recording."""
        if self.recorder is not None:
            self.recorder.close(self.sim.episode)
        self.recorder = None

    def replay(self, name: str, request: Request) -> str:
        """Begin a replay; CARLA's words about it.

        Raises:
            TapeError: the file is not there, or broken.
            RpcError: its map is not here.
        """
        self.stop()
        self.stop_replay(keep=False)
        path = tape.file_of(name)
        words = [f"Replaying File: {path}"]
        reel = Reel(path)
        try:
            words += self._load(reel.town)
            self.replayer = player = Replayer(reel, request, self.wishes)
            player.begin(self.sim.episode)
        except Exception:  # whatever it is, no half replay stays
            self.replayer = None
            reel.close()
            raise
        self._settle(player)
        words += [
            f"Total time recorded: {reel.duration:g}",
            f"Replaying from {player.start:g} s - {player.stop:g} s ({reel.duration:g} s) "
            f"at {self.wishes.pace:.1f}x",
            *(["Ignoring Hero vehicle"] if self.wishes.ignore_hero else []),
            *(["Ignoring Spectator camera"] if self.wishes.ignore_spectator else []),
        ]
        return "\n".join([*words, ""])

    def _load(self, town: str) -> list[str]:
        short = town.replace("\\", "/").rsplit("/", 1)[-1]
        if short == self.sim.episode.town.name:
            return []
        self.sim.load(self.sim.town_called(short), False)
        return [f"Loading map {town}"]

    def stop_replay(self, *, keep: bool) -> None:
        """End the replay; with `keep` who would have gone stays."""
        player, self.replayer = self.replayer, None
        if player is None:
            return
        try:
            player.finish(self.sim.episode, keep=keep)
        except Exception:  # a broken file: what follows goes on
            log.exception("the recording is broken")
        self._settle(player)

    def tick(self) -> None:
        """After a step of the episode: write it, or put the recording's in its place."""
        if self.recorder is not None:
            try:
                self.recorder.write(self.sim.episode)
            except Exception:  # a full disk, figures that no file can hold: ticks go on
                log.exception("the recording ends")
                self.stop()
        elif self.replayer is not None:
            self._play(self.replayer)

    def _play(self, player: Replayer) -> None:
        episode = self.sim.episode
        try:
            player.tick(episode, episode.delta)
        except Exception:  # a broken file: ticks go on
            log.exception("the replay ends")
            self.stop_replay(keep=True)
            return
        self._settle(player)
        if player.over:
            self.stop_replay(keep=True)

    def _settle(self, player: Replayer) -> None:
        """Admit the sensors that came, forget who went."""
        for actor in player.gone:
            self.sim.sensing.forget(actor)
        for actor in player.came:
            try:
                self.sim.admit(actor)
            except RpcError as error:
                log.warning("a recorded sensor is left out: %s", error)
        player.gone, player.came = [], []
