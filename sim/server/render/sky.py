"""Light of sun and sky from the weather, and the sky's own picture.

Colours are linear RGB, scaled so that a white wall in the noon sun comes to about 3. The shapes
over the sun's altitude are drawn by eye to look like the real thing; nothing here is measured.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from common.jit import inline
from sim.server.render.noise import noise
from sim.server.scene import F32, U8, Weather

Colour = tuple[float, float, float]


HAZE = 0.0005  # 1/m extinction that a clear sky has anyway
FOG_TOP = 60.0  # m, where fog and dust end
THROUGH = 0.35  # of the sun that they hold off: what comes down from all of the sky instead
DUST = 0.025  # 1/m extinction of the worst storm
SAND = (1.15, 0.80, 0.48)  # dust in white light
DROPS = 8.0  # m/s, large drops
DAMP = 0.6  # wetness of the road between puddles


class Light(NamedTuple):
    """The light of one frame."""

    to_sun: Colour  # unit vector, world
    sun: Colour  # irradiance on a surface that faces it
    up: Colour  # ambient from above
    down: Colour  # ambient from below
    zenith: Colour
    horizon: Colour
    glow: Colour  # about the sun's disc
    cloud: Colour
    cover: float  # 0..1, share of sky under clouds
    drift: float  # m the clouds have gone
    fog: float  # 1/m extinction
    fog_start: float  # m
    wet: float  # 0..1
    puddles: float  # 0..1
    rain: float  # 0..1
    fallen: float  # m the rain has fallen
    night: float  # 0 by day, 1 in the dark


def smooth(low: float, high: float, x: float) -> float:
    """0 below ``low``, 1 above ``high``, a smooth step between."""
    s = min(max((x - low) / (high - low), 0.0), 1.0)
    return s * s * (3.0 - 2.0 * s)


def blend(a: Colour, b: Colour, s: float) -> Colour:
    """From a (s = 0) to b (s = 1)."""
    return (a[0] + (b[0] - a[0]) * s, a[1] + (b[1] - a[1]) * s, a[2] + (b[2] - a[2]) * s)


def scaled(a: Colour, s: float) -> Colour:
    """The colour s times as bright."""
    return (a[0] * s, a[1] * s, a[2] * s)


def tinted(a: Colour, b: Colour, s: float) -> Colour:
    """From a (s = 0) to the colour b in a's brightness (s = 1)."""
    return blend(a, scaled(b, sum(a) / 3.0), s)


def percent(x: float) -> float:
    """As a share 0..1."""
    return min(max(x / 100.0, 0.0), 1.0)


def light_of(weather: Weather, t: float) -> Light:
    """The light (t in s moves the clouds)."""
    return through_air(over_air(weather, t), percent(weather.dust_storm))


def through_air(light: Light, dust: float) -> Light:
    """What fog and dust (0..1) leave of the light above them.

    They hold the sun off; some of it comes down from all of the sky instead, brown in dust.
    """
    fog = light.fog + DUST * dust
    lost = 1.0 - math.exp(-max(fog - HAZE, 0.0) * FOG_TOP / max(light.to_sun[2], 0.1))
    spread = scaled(light.sun, THROUGH * lost)
    up = (light.up[0] + spread[0], light.up[1] + spread[1], light.up[2] + spread[2])
    down = blend(light.down, scaled(up, 0.45), lost)
    return light._replace(
        sun=scaled(light.sun, 1.0 - lost),
        up=tinted(up, SAND, dust),
        down=tinted(down, SAND, dust),
        zenith=tinted(light.zenith, SAND, dust),
        horizon=tinted(light.horizon, SAND, dust),
        glow=scaled(light.glow, 1.0 - lost),
        cloud=tinted(light.cloud, SAND, dust),
        fog=fog,
    )


def over_air(weather: Weather, t: float) -> Light:
    """The light above fog and dust."""
    altitude = weather.sun_altitude
    clouds = weather.cloudiness / 100.0
    overcast = smooth(0.4, 1.0, clouds)
    day = smooth(-0.12, 0.22, altitude)
    high = smooth(0.0, 0.6, altitude)
    twilight = smooth(-0.25, 0.0, altitude) * (1.0 - smooth(0.1, 0.4, altitude))
    rain, deposits = percent(weather.precipitation), percent(weather.precipitation_deposits)
    warm = blend((1.0, 0.50, 0.22), (1.0, 0.95, 0.86), high)
    sun = scaled(warm, 2.6 * smooth(0.0, 0.30, altitude) * (1.0 - 0.93 * overcast))
    grey = (0.62, 0.66, 0.72)
    zenith = blend((0.006, 0.009, 0.020), blend((0.16, 0.35, 0.80), grey, 0.85 * overcast), day)
    horizon = blend((0.016, 0.020, 0.034), blend((0.62, 0.76, 0.95), grey, 0.85 * overcast), day)
    horizon = blend(horizon, (0.80, 0.42, 0.24), 0.75 * twilight * (1.0 - overcast))
    darker = 1.0 - 0.35 * rain
    zenith, horizon = scaled(zenith, darker), scaled(horizon, darker)
    ambient = blend(
        (0.030, 0.036, 0.055), blend((0.66, 0.78, 1.0), (0.92, 0.95, 1.0), overcast), day
    )
    ambient = scaled(ambient, 0.95 * darker)
    bounce = blend(scaled(ambient, 0.45), scaled(warm, 0.42), 0.6 * high * (1.0 - overcast))
    fog = 0.00022 + 0.035 * max(weather.fog_density / 100.0, 0.0) ** 1.8 + 0.0016 * rain
    cos = math.cos(altitude)
    return Light(
        to_sun=(
            cos * math.cos(weather.sun_azimuth),
            cos * math.sin(weather.sun_azimuth),
            math.sin(altitude),
        ),
        sun=sun,
        up=ambient,
        down=bounce,
        zenith=zenith,
        horizon=horizon,
        glow=scaled(warm, day * (1.0 - overcast)),
        cloud=blend(scaled(ambient, 0.9), scaled(warm, 1.35 - 0.75 * overcast), 0.75 * day),
        cover=clouds,
        drift=t * (1.0 + 0.1 * weather.wind_intensity),
        fog=fog,
        fog_start=weather.fog_distance,
        wet=max(
            percent(weather.wetness),
            0.8 * smooth(0.0, 0.3, rain),
            DAMP * smooth(0.0, 0.4, deposits),
        ),
        puddles=deposits,
        rain=rain,
        fallen=DROPS * t,
        night=1.0 - smooth(-0.10, 0.14, altitude),
    )


WHITE: Colour = (1.0, 1.0, 1.0)
BLACK: Colour = (0.0, 0.0, 0.0)
FLAT = Light(
    (0.0, 0.0, 1.0), BLACK, WHITE, WHITE, BLACK, BLACK, BLACK, BLACK,
    0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
)  # fmt: skip
"""White from everywhere, in dry and clear air: what it falls on shows its own colour."""


@inline
def sky(light: Light, dx: float, dy: float, dz: float) -> Colour:
    """Clear sky in the unit direction (dx, dy, dz), world axes."""
    s = 1.0 - min(max(dz, 0.0), 1.0)
    s = s * s
    s = s * s * (0.35 + 0.65 * s)
    toward = max(dx * light.to_sun[0] + dy * light.to_sun[1] + dz * light.to_sun[2], 0.0)
    halo = toward * toward
    halo *= halo
    halo *= halo
    halo *= 0.22 + 0.6 * halo * halo
    return (
        light.zenith[0] + (light.horizon[0] - light.zenith[0]) * s + halo * light.glow[0],
        light.zenith[1] + (light.horizon[1] - light.zenith[1]) * s + halo * light.glow[1],
        light.zenith[2] + (light.horizon[2] - light.zenith[2]) * s + halo * light.glow[2],
    )


@inline
def clouded_sky(light: Light, texture: F32, dx: float, dy: float, dz: float) -> Colour:
    """The sky with the sun's disc and clouds."""
    r, g, b = sky(light, dx, dy, dz)
    toward = dx * light.to_sun[0] + dy * light.to_sun[1] + dz * light.to_sun[2]
    if toward > 0.99985:
        r, g, b = r + 6.0 * light.glow[0], g + 6.0 * light.glow[1], b + 6.0 * light.glow[2]
    if light.cover > 0.01 and dz > 0.02:
        reach = 1200.0 / (dz + 0.08)
        x, y = dx * reach + light.drift, dy * reach
        shape = 0.7 * noise(texture, x * 0.010, y * 0.010)
        shape += 0.3 * noise(texture, x * 0.043 + 90.0, y * 0.043)
        edge = 0.74 - 0.62 * light.cover
        amount = min(max((shape - edge) * 4.0, 0.0), 1.0) * min(max(dz * 6.0 - 0.12, 0.0), 1.0)
        shade = 1.0 - 0.35 * min(max((shape - edge - 0.1) * 2.0, 0.0), 1.0)
        amount *= 0.9
        r += (light.cloud[0] * shade - r) * amount
        g += (light.cloud[1] * shade - g) * amount
        b += (light.cloud[2] * shade - b) * amount
    if light.fog > HAZE:
        thick = (light.fog - HAZE) * FOG_TOP / max(dz, 0.02)
        veil = 1.0 - 1.0 / (1.0 + thick + 0.5 * thick * thick)  # nearly 1 - exp(-thick)
        r += (light.horizon[0] - r) * veil
        g += (light.horizon[1] - g) * veil
        b += (light.horizon[2] - b) * veil
    return r, g, b


def tone_table(*, plain: bool = False) -> U8:
    """Linear light to sRGB bytes: entry ``4095 v / (1 + v)`` is light v, gently rolled off.

    A plain table leaves the light as it is. Source of the transfer curve: IEC 61966-2-1 (sRGB).
    """
    y = np.arange(4096) / 4095.0
    v = y / np.maximum(1.0 - y, 1e-6)
    if not plain:
        v = 0.72 * v
        v = v * (1.0 + v / 9.0) / (1.0 + 0.62 * v)
    v = np.clip(v, 0.0, 1.0)
    srgb = np.where(v <= 0.0031308, 12.92 * v, 1.055 * v ** (1.0 / 2.4) - 0.055)
    return np.round(255.0 * srgb).astype(np.uint8)
