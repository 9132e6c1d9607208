"""The peer of `ninefold bench render` draws the scene that the renderer draws."""

import numpy as np
import pytest

from ninefold.bench_render import WEATHER, crowd_of, looking
from ninefold.peer_llvmpipe import Peer, why_not
from sim.server.render.renderer import Renderer
from sim.server.town import load_town


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_the_peer_sees_what_the_renderer_sees():
    town = load_town("city")
    crowd, view = crowd_of(town), looking(town, 0, 0.0, 160, 90, np.pi / 2.0)
    ours = Renderer(town.mesh(), 2).render(
        view, crowd, np.zeros(len(town.signals), np.uint8), WEATHER, 0.0
    )
    _, depth, _ = Peer(town.mesh(), crowd, WEATHER, view).draw(crowd)
    near = ours.depth < 60.0  # the horizon is the renderer's own
    assert near.mean() > 0.4
    assert np.median(np.abs(depth - ours.depth)[near]) < 0.3
