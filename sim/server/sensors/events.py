"""Events with another actor. Actors come as they are on the wire."""

from __future__ import annotations

from typing import Any

import msgpack
import numpy as np
from numpy.typing import NDArray

from sim import iso


def collision(own: Any, other: Any, impulse: NDArray[np.float64]) -> bytes:  # noqa: ANN401
    """One contact: `impulse` (3,) N s that `own` received, world axes."""
    data: bytes = msgpack.packb([own, other, iso.mirror(impulse).tolist()])
    return data


def obstacle(own: Any, other: Any, distance: float) -> bytes:  # noqa: ANN401
    """Something stands `distance` m ahead of the sensor."""
    data: bytes = msgpack.packb([own, other, distance])
    return data
