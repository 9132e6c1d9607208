"""CARLA 0.9.16's sensors with their attributes and default values.

Source: CARLA documentation 0.9.16, "Sensors reference"; where it is silent, the blueprint
definitions of CARLA's server.
"""

from __future__ import annotations

from sim.server.catalogue.kinds import Attribute, Type, choice, role

_PLACES = (
    "front",
    "back",
    "left",
    "right",
    "front_left",
    "front_right",
    "back_left",
    "back_right",
)


def _floats(text: str) -> tuple[Attribute, ...]:
    """Attributes from "name value name value ..."."""
    words = text.split()
    return tuple(
        choice(key, Type.FLOAT, value) for key, value in zip(words[::2], words[1::2], strict=True)
    )


_TICK = choice("sensor_tick", Type.FLOAT, "0.0")
_SEED = choice("noise_seed", Type.INT, "0")
_PLACED = role(*_PLACES)
_UNPLACED = role("default")

_PICTURE = (
    _PLACED,
    _TICK,
    choice("image_size_x", Type.INT, "800"),
    choice("image_size_y", Type.INT, "600"),
    *_floats(
        "fov 90.0 lens_circle_falloff 5.0 lens_circle_multiplier 0.0 lens_k -1.0 lens_kcube 0.0 "
        "lens_x_size 0.08 lens_y_size 0.08"
    ),
)

_FILM = (
    choice("exposure_mode", Type.STRING, "histogram", "manual", restrict=True),
    choice("enable_postprocess_effects", Type.BOOL, "true"),
    choice("blade_count", Type.INT, "5"),
    *_floats(
        "exposure_compensation 0.0 shutter_speed 200.0 iso 100.0 fstop 1.4 gamma 2.2 "
        "motion_blur_intensity 0.45 motion_blur_max_distortion 0.35 "
        "motion_blur_min_object_screen_size 0.1 lens_flare_intensity 0.1 bloom_intensity 0.675 "
        "exposure_min_bright 10.0 exposure_max_bright 12.0 exposure_speed_up 3.0 "
        "exposure_speed_down 1.0 calibration_constant 16.0 focal_distance 1000.0 min_fstop 1.2 "
        "blur_amount 1.0 blur_radius 0.0 slope 0.88 toe 0.55 shoulder 0.26 black_clip 0.0 "
        "white_clip 0.04 temp 6500.0 tint 0.0 chromatic_aberration_intensity 0.0 "
        "chromatic_aberration_offset 0.0"
    ),
)

_EVENTS = (
    *_floats(
        "positive_threshold 0.3 negative_threshold 0.3 sigma_positive_threshold 0.0 "
        "sigma_negative_threshold 0.0 log_eps 0.001"
    ),
    choice("refractory_period_ns", Type.INT, "0"),
    choice("use_log", Type.BOOL, "true"),
)

_SWEEP = (
    _PLACED,
    _TICK,
    choice("channels", Type.INT, "32"),
    choice("points_per_second", Type.INT, "56000"),
    *_floats(
        "range 10.0 rotation_frequency 10.0 upper_fov 10.0 lower_fov -30.0 horizontal_fov 360.0"
    ),
)

_RETURNS = (
    _SEED,
    *_floats(
        "atmosphere_attenuation_rate 0.004 dropoff_general_rate 0.45 dropoff_intensity_limit 0.8 "
        "dropoff_zero_intensity 0.4 noise_stddev 0.0"
    ),
)

_RADIO = (
    _UNPLACED,
    _TICK,
    choice("channel_id", Type.STRING, "Default"),
    _SEED,
    *_floats(
        "transmit_power 21.5 receiver_sensitivity -99.0 frequency_ghz 5.9 "
        "combined_antenna_gain 10.0 path_loss_exponent 2.7 d_ref 1.0 filter_distance 500.0 "
        "custom_fading_stddev 0.0"
    ),
    choice("scenario", Type.STRING, "highway", "rural", "urban", restrict=True),
    choice("path_loss_model", Type.STRING, "winner", "geometric", restrict=True),
    choice("use_etsi_fading", Type.BOOL, "true"),
)

_AWARENESS = (
    choice("fixed_rate", Type.BOOL, "false"),
    *_floats(
        "gen_cam_min 0.1 gen_cam_max 1.0 noise_lat_stddev 0.0 noise_lat_bias 0.0 "
        "noise_lon_stddev 0.0 noise_lon_bias 0.0 noise_alt_stddev 0.0 noise_alt_bias 0.0 "
        "noise_head_stddev 0.0 noise_head_bias 0.0 noise_accel_stddev_x 0.0 "
        "noise_accel_stddev_y 0.0 noise_accel_stddev_z 0.0 noise_yawrate_stddev 0.0 "
        "noise_yawrate_bias 0.0 noise_vel_stddev_x 0.0"
    ),
)

SENSORS: tuple[tuple[str, tuple[Attribute, ...]], ...] = (
    ("sensor.camera.cosmos_visualization", _PICTURE),
    ("sensor.camera.depth", _PICTURE),
    ("sensor.camera.dvs", (*_PICTURE, *_FILM, *_EVENTS)),
    ("sensor.camera.instance_segmentation", _PICTURE),
    ("sensor.camera.normals", _PICTURE),
    ("sensor.camera.optical_flow", _PICTURE),
    ("sensor.camera.rgb", (*_PICTURE, *_FILM)),
    ("sensor.camera.semantic_segmentation", _PICTURE),
    ("sensor.lidar.ray_cast", (*_SWEEP, *_RETURNS)),
    ("sensor.lidar.ray_cast_semantic", _SWEEP),
    ("sensor.other.collision", (_PLACED,)),
    (
        "sensor.other.gnss",
        (
            _UNPLACED,
            _TICK,
            _SEED,
            *_floats(
                "noise_alt_bias 0.0 noise_alt_stddev 0.0 noise_lat_bias 0.0 noise_lat_stddev 0.0 "
                "noise_lon_bias 0.0 noise_lon_stddev 0.0"
            ),
        ),
    ),
    (
        "sensor.other.imu",
        (
            _UNPLACED,
            _TICK,
            _SEED,
            *_floats(
                "noise_accel_stddev_x 0.0 noise_accel_stddev_y 0.0 noise_accel_stddev_z 0.0 "
                "noise_gyro_bias_x 0.0 noise_gyro_bias_y 0.0 noise_gyro_bias_z 0.0 "
                "noise_gyro_stddev_x 0.0 noise_gyro_stddev_y 0.0 noise_gyro_stddev_z 0.0"
            ),
        ),
    ),
    ("sensor.other.lane_invasion", (_PLACED,)),
    (
        "sensor.other.obstacle",
        (
            _PLACED,
            _TICK,
            *_floats("distance 5.0 hit_radius 0.5"),
            choice("only_dynamics", Type.BOOL, "false"),
            choice("debug_linetrace", Type.BOOL, "false"),
        ),
    ),
    (
        "sensor.other.radar",
        (
            _UNPLACED,
            _TICK,
            _SEED,
            choice("points_per_second", Type.INT, "1500"),
            *_floats("horizontal_fov 30.0 vertical_fov 30.0 range 100.0"),
        ),
    ),
    ("sensor.other.rss", (_PLACED,)),
    ("sensor.other.v2x", (*_RADIO, *_AWARENESS)),
    ("sensor.other.v2x_custom", _RADIO),
)
"""(id, attributes)."""
