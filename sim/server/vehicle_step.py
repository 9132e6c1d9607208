"""One step of all vehicles in the plane: a two-track model. `vehicle_ride` puts them on the ground.

Per vehicle: engine torque curve, gears, brakes with anti-lock, tyres with a brush model and a
friction circle, longitudinal and lateral load transfer, drag, rolling resistance, slope.

Resisting forces (tyres, brakes, drag) act as dampers whose rate is taken at the old state and whose
velocity is the new one (linearly implicit Euler): (M + dt D) w1 = M w0 + dt b with D positive
semi-definite. So they can only take energy, at any step length and at standstill too.
Tyre model: brush model, Pacejka, Tire and Vehicle Dynamics, 3rd ed., section 3.2.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from common.jit import helper, maker
from sim.server.vehicle_arrays import Record, Records

F64 = NDArray[np.float64]

GRAVITY = 9.81
_RPM = 60.0 / (2.0 * math.pi)
_EFFICIENCY = 0.92  # engine to wheels; Gillespie, Fundamentals of Vehicle Dynamics, ch. 2
_ROLLING = 0.012  # rolling resistance of car tyres on asphalt; Gillespie, ch. 4
_WHEEL_INERTIA = 0.03  # of the vehicle's mass; Gillespie, ch. 2 (mass factor)
_ANTILOCK = 0.98  # share of friction that anti-lock brakes use
_ANTILOCK_SPEED = 2.0  # m/s below which they let the wheels lock
# Stability control (ECE R140 makes it a duty of cars): when tyres slide sideways it takes the
# engine away, brakes a little, and brakes one side against a spin
_SKID_RISE, _SKID_FALL = 12.0, 4.0  # 1/s
_SKID_BRAKE = 0.35  # of full pedal
_SKID_SPEED = 3.0  # m/s below which it sleeps
_YAW_EXCESS = 1.1  # times the yaw rate that the grip allows
_SLIP_SPEED = 0.5  # m/s, floor of the speed in slip angles
_STILL = 0.05  # m/s and rad/s
_LARGEST = 1e15  # m, m/s, ...: not even what clients may ask for leads beyond
_LEAST_GRIP = 1e-3  # N, floor of what a tyre can hold, where its use is a share of that
_HOLD = 0.4  # of weight: what a stopped automatic holds without brakes
_ROLL_FRONT = 0.55  # share of the roll moment at the front axle
_REVERSE_RATIO = 0.9  # of first gear
# Input rates (1/s) of Unreal's wheeled vehicle, which CARLA keeps: rise, fall
_PEDAL_RISE, _PEDAL_FALL = 6.0, 10.0
_STEER_RISE, _STEER_FALL = 2.5, 5.0


@helper
def _interpolate(x: float, xs: F64, ys: F64, count: int) -> float:
    if x <= xs[0]:
        return float(ys[0])
    for i in range(1, count):
        if x < xs[i]:
            share = (x - xs[i - 1]) / (xs[i] - xs[i - 1])
            return float(ys[i - 1] + (ys[i] - ys[i - 1]) * share)
    return float(ys[count - 1])


@helper
def _approach(value: float, goal: float, rise: float, fall: float, dt: float) -> float:
    rate = rise if abs(goal) > abs(value) else fall
    return value + min(max(goal - value, -rate * dt), rate * dt)


@helper
def _inputs(s: Record, m: Record, u: float, dt: float) -> None:
    """Pedals and steering move at finite rates; the wheels stop at the rack's lock."""
    s.pedal = _approach(s.pedal, s.throttle, _PEDAL_RISE, _PEDAL_FALL, dt)
    s.brake_pedal = _approach(s.brake_pedal, s.brake, _PEDAL_RISE, _PEDAL_FALL, dt)
    s.steering = _approach(s.steering, s.steer, _STEER_RISE, _STEER_FALL, dt)
    share = _interpolate(abs(u), m.steer_speed, m.steer_share, m.steer_points)
    s.wheel_angle = min(max(s.steering * m.max_steer * share, -m.lock), m.lock)


@helper
def _ratio(m: Record, gear: int) -> float:
    """Engine turns per wheel turn, signed."""
    if gear > 0:
        return float(m.ratio[min(gear, m.gears) - 1] * m.final_ratio)
    return float(-_REVERSE_RATIO * m.ratio[0] * m.final_ratio) if gear < 0 else 0.0


@helper
def _choose_gear(s: Record, m: Record, dt: float) -> None:
    """Reverse and manual as asked; else shift by engine speed, later under more throttle."""
    s.shift_time = max(s.shift_time - dt, 0.0)
    gear = s.gear
    if s.manual_gear_shift or not m.autobox:
        gear = min(max(s.gear_wish, -1), m.gears)
    elif s.reverse:
        gear = -1
    elif gear < 1:
        gear = 1
    elif s.shift_time == 0.0:
        share = s.rpm / m.max_rpm
        up = m.up_ratio[gear - 1] + (0.95 - m.up_ratio[gear - 1]) * s.pedal
        if gear < m.gears and share > up:
            gear += 1
        elif gear > 1:
            lower = share * m.ratio[gear - 2] / m.ratio[gear - 1]
            if share < m.down_ratio[gear - 1] or lower < 0.75 * up:
                gear -= 1
    if gear != s.gear:
        s.shift_time = m.shift_time if gear > 1 and s.gear > 0 else 0.0
        s.gear = gear


@helper
def _engine(s: Record, m: Record, u: float) -> tuple[float, float]:
    """(drive force N signed, engine drag N s/m, of what it turns above idle) at the wheels."""
    ratio = _ratio(m, s.gear)
    spin = u / m.radius * ratio * _RPM  # negative when rolling against the gear
    s.rpm = max(spin, m.idle_rpm + s.pedal * (m.stall_rpm - m.idle_rpm))
    if ratio == 0.0 or s.shift_time > 0.0:
        return 0.0, 0.0
    gain = ratio / m.radius
    force = 0.0
    if spin < m.max_rpm:
        force = s.pedal * _interpolate(s.rpm, m.torque_rpm, m.torque, m.torque_points) * gain
    inertia = 1.0 + _WHEEL_INERTIA + m.moi * gain * gain / m.mass
    damping = m.damping_zero + (m.damping_full - m.damping_zero) * s.pedal
    drag = damping * gain * gain * max(1.0 - m.idle_rpm / max(spin, 1e-9), 0.0)
    return _EFFICIENCY * force / inertia, drag / inertia


@helper
def _loads(s: Record, m: Record) -> None:
    """Wheel loads (N): static shares, then what braking and cornering shift."""
    weight = m.mass * GRAVITY * s.load
    if weight == 0.0:  # in the air
        s.wheel_load[:] = 0.0
        return
    pitch = m.mass * s.body_accel[0] * m.centre_height / m.wheelbase
    front = 0.5 * (weight * m.rear / m.wheelbase - pitch)
    rear = 0.5 * (weight * m.front / m.wheelbase + pitch)
    roll = 0.0 if m.leans else m.mass * s.body_accel[1] * m.centre_height / m.track
    front_roll, rear_roll = _ROLL_FRONT * roll, (1.0 - _ROLL_FRONT) * roll
    s.wheel_load[0] = max(front - front_roll, 0.0)
    s.wheel_load[1] = max(front + front_roll, 0.0)
    s.wheel_load[2] = max(rear - rear_roll, 0.0)
    s.wheel_load[3] = max(rear + rear_roll, 0.0)


@helper
def _wheel_direction(m: Record, angle: float, i: int) -> float:
    """The angle (rad) of wheel i: Ackermann's, about one centre on the rear axle's line."""
    if i > 1 or abs(angle) < 1e-6:
        return 0.0
    side = 0.5 if i == 0 else -0.5
    return math.atan(m.wheelbase / (m.wheelbase / math.tan(angle) - side * m.track))


@helper
def _tyre(
    s: Record, m: Record, i: int, along: float, across: float, drive: float, grip: float
) -> tuple[float, float, float]:
    """One wheel's damper rates (N s/m) along and across, and its drive force (N)."""
    limit = grip * s.wheel_load[i]
    side = min(abs(s.lat_force[i]) / limit, 1.0)  # traction control leaves the side force alone
    room = limit if m.leans else limit * max(math.sqrt(1.0 - side * side), 0.1)
    room *= m.traction[i]
    push = min(max(drive * m.drive[i], -room), room)
    brake = max(s.brake_pedal, _SKID_BRAKE * s.skid) * m.brake[i]
    if abs(along) > _ANTILOCK_SPEED:
        brake = min(brake, _ANTILOCK * m.traction[i] * limit)
    hold = brake + (m.hand_brake[i] if s.hand_brake else 0.0)
    if hold >= limit:  # locked: friction against the sliding, whatever way the wheel points
        rate = limit / max(math.hypot(along, across), _STILL)
        return rate, rate, 0.0
    speed = max(abs(along), _STILL)
    rate = (hold + _ROLLING * s.wheel_load[i]) / speed
    used = (abs(push) + hold) / limit
    side_limit = limit * math.sqrt(max(1.0 - used * used, 0.04))
    stiff = m.stiffness[i] * s.wheel_load[i] / max(abs(along), _SLIP_SPEED)
    x = stiff * abs(across) / side_limit
    if x < 3.0:
        return rate, stiff * (1.0 - x / 3.0 + x * x / 27.0), push
    return rate, side_limit / abs(across), push


@helper
def _add_damper(d: F64, x: float, y: float, a: float, rate: float) -> None:
    """Add rate * J^T J with J = (x, y, a), upper triangle."""
    d[0] += rate * x * x
    d[1] += rate * x * y
    d[2] += rate * x * a
    d[3] += rate * y * y
    d[4] += rate * y * a
    d[5] += rate * a * a


@helper
def _tyres(
    s: Record, m: Record, w: F64, drive: float, engine_drag: float, wet: float, d: F64, b: F64
) -> None:
    """Collect all wheels' dampers in d (6,) and pushes in b (3,), body axes, centre of mass."""
    for i in range(4):
        if s.wheel_load[i] <= 0.0:
            s.long_force[i] = s.lat_force[i] = 0.0
            continue
        x = m.front if i < 2 else -m.rear
        y = (0.5 if i % 2 == 0 else -0.5) * m.track
        angle = _wheel_direction(m, s.wheel_angle, i)
        c, n = math.cos(angle), math.sin(angle)
        vx, vy = w[0] - w[2] * y, w[1] + w[2] * x
        along, across = c * vx + n * vy, c * vy - n * vx
        grip = s.grip[i] * wet
        k_long, k_lat, push = _tyre(s, m, i, along, across, drive, grip)
        if k_long * abs(along) < 0.9 * grip * s.wheel_load[i]:
            k_long += engine_drag * m.drive[i]
        _add_damper(d, c, n, x * n - y * c, k_long)
        _add_damper(d, -n, c, x * c + y * n, k_lat)
        b[0] += push * c
        b[1] += push * n
        b[2] += push * (x * n - y * c)
        s.long_force[i] = push - k_long * along
        s.lat_force[i] = -k_lat * across
        s.lat_slip[i] = math.atan2(across, max(abs(along), _SLIP_SPEED))
        used = s.long_force[i] / max(grip * s.wheel_load[i], _LEAST_GRIP)
        s.long_slip[i] = 0.1 * used
        s.omega[i] = along / m.radius * (1.0 + 0.1 * used)


@helper
def _stability(s: Record, m: Record, w: F64, wet: float, dt: float, d: F64) -> None:
    """Notice sliding tyres, and damp a yaw rate beyond what the grip can bend the path by."""
    sliding = 0.0
    for i in range(4):
        grip = s.grip[i] * wet
        if abs(s.lat_slip[i]) * m.stiffness[i] > 3.0 * grip:
            sliding = 1.0
    if m.leans or abs(w[0]) < _SKID_SPEED:
        sliding = 0.0
    rate = _SKID_RISE if sliding > s.skid else _SKID_FALL
    s.skid += min(max(sliding - s.skid, -rate * dt), rate * dt)
    if s.skid > 0.0:
        grip = s.grip[2] * wet
        if abs(w[2]) > _YAW_EXCESS * grip * GRAVITY / abs(w[0] + 1e-9):
            moment = 0.25 * grip * m.mass * GRAVITY * 0.5 * m.track
            d[5] += s.skid * moment / abs(w[2])


@helper
def _solve(d: F64, b: F64, w: F64, mass: float, inertia: float, dt: float) -> None:
    """Make w = (M + dt D)^-1 (M w + dt b), a symmetric 3x3 system by its adjugate."""
    a, p, q = mass + dt * d[0], dt * d[1], dt * d[2]
    e, f, g = mass + dt * d[3], dt * d[4], inertia + dt * d[5]
    x, y, z = mass * w[0] + dt * b[0], mass * w[1] + dt * b[1], inertia * w[2] + dt * b[2]
    ca, cp, cq = e * g - f * f, q * f - p * g, p * f - q * e
    det = a * ca + p * cp + q * cq
    w[0] = (ca * x + cp * y + cq * z) / det
    w[1] = (cp * x + (a * g - q * q) * y + (p * q - a * f) * z) / det
    w[2] = (cq * x + (p * q - a * f) * y + (a * e - p * p) * z) / det


@helper
def _rests(s: Record, m: Record, w: F64, b: F64, wet: float) -> bool:
    """Whether static friction keeps a standing vehicle where it is."""
    if math.hypot(w[0], w[1]) > _STILL or abs(w[2]) > _STILL or s.pedal > 0.02:
        return False
    if s.force[0] != 0.0 or s.force[1] != 0.0 or s.torque != 0.0:
        return False
    weight = m.mass * GRAVITY * s.load
    hold = s.brake_pedal * m.brake.sum() + (m.hand_brake.sum() if s.hand_brake else 0.0)
    if s.gear != 0:
        hold += _HOLD * weight
    hold = min(hold, s.grip[3] * wet * weight) + _ROLLING * weight
    return bool(math.hypot(b[0], b[1]) <= hold)


@helper
def _push(s: Record, m: Record, w: F64, dt: float, wet: float, d: F64, b: F64) -> None:
    """Advance the body-axes velocities w = (u, v, yaw rate) by one substep."""
    u, v = w[0], w[1]
    _inputs(s, m, u, dt)
    _choose_gear(s, m, dt)
    drive, engine_drag = _engine(s, m, u)
    _loads(s, m)
    c, n = math.cos(s.pose[5]), math.sin(s.pose[5])
    slope = m.mass * GRAVITY * min(s.load, 1.0)
    b[0] = c * s.force[0] + n * s.force[1] + slope * math.sin(s.ground_pitch)
    b[1] = c * s.force[1] - n * s.force[0] - slope * math.sin(s.ground_roll)
    b[2] = s.torque
    air = m.drag * math.hypot(u, v)
    d[:] = 0.0
    d[0] = d[3] = air
    d[5] = air * m.wheelbase * m.wheelbase / 6.0
    rest_u, rest_v = b[0], b[1]
    _stability(s, m, w, wet, dt, d)
    _tyres(s, m, w, drive * (1.0 - s.skid), engine_drag, wet, d, b)
    _solve(d, b, w, m.mass, m.yaw_inertia, dt)
    b[0], b[1] = rest_u, rest_v
    if _rests(s, m, w, b, wet):
        w[:] = 0.0
    blend = min(1.0, dt / 0.06)
    s.body_accel[0] += blend * ((w[0] - u) / dt - s.body_accel[0])
    s.body_accel[1] += blend * ((w[1] - v) / dt - s.body_accel[1])


@helper
def _cruise(s: Record, m: Record, w: F64, dt: float) -> None:
    """Constant velocity: the tyres only steer."""
    w[0], w[1] = s.cruise_velocity[0], s.cruise_velocity[1]
    _inputs(s, m, w[0], dt)
    w[2] = w[0] * math.tan(s.wheel_angle) / m.wheelbase
    s.body_accel[0], s.body_accel[1] = 0.0, w[0] * w[2]


@helper
def _move(s: Record, m: Record, dt: float, steps: int, wet: float, w: F64, d: F64, b: F64) -> None:
    """All substeps of one vehicle in the plane."""
    h = dt / steps
    s.angular_velocity[0] = s.angular_velocity[1] = 0.0
    for _ in range(steps):
        yaw = s.pose[5]
        c, n = math.cos(yaw), math.sin(yaw)
        w[0] = c * s.velocity[0] + n * s.velocity[1]
        w[1] = c * s.velocity[1] - n * s.velocity[0]
        w[2] = s.angular_velocity[2]
        if s.cruise:
            _cruise(s, m, w, h)
        else:
            _push(s, m, w, h, wet, d, b)
        s.velocity[0], s.velocity[1] = c * w[0] - n * w[1], n * w[0] + c * w[1]
        s.angular_velocity[2] = w[2]
        turned = yaw + h * w[2]
        s.pose[0] += h * s.velocity[0] + m.centre_x * (c - math.cos(turned))
        s.pose[1] += h * s.velocity[1] + m.centre_x * (n - math.sin(turned))
        rounds = math.floor((turned + math.pi) / (2.0 * math.pi)) if abs(turned) > math.pi else 0
        s.pose[5] = turned - 2.0 * math.pi * rounds
        s.travel += h * w[0]


@helper
def _halt(s: Record) -> None:
    """Stop a vehicle whose figures have left every scale: its parameters are to blame."""
    s.pedal = s.brake_pedal = s.steering = s.wheel_angle = s.rpm = s.skid = 0.0
    s.sway_roll = s.sway_pitch = s.load = 0.0
    s.body_accel[:] = 0.0
    for k in range(3):
        s.velocity[k] = s.angular_velocity[k] = s.acceleration[k] = 0.0
    for i in range(4):
        s.wheel_load[i] = s.long_force[i] = s.lat_force[i] = 0.0
        s.lat_slip[i] = s.long_slip[i] = s.omega[i] = 0.0


@maker
def move_all(state: Records, model: Records, dt: float, steps: int, wet: float) -> None:
    """Drive every simulated vehicle for `dt` s in `steps` substeps; `wet` scales friction.

    Afterwards `acceleration` holds the velocity of before: `vehicle_ride.settle_all` needs it.
    """
    w, d, b = np.zeros(3), np.zeros(6), np.zeros(3)
    for i in range(state.shape[0]):
        s = state[i]
        if not s.alive:
            continue
        for k in range(3):
            s.acceleration[k] = s.velocity[k]
        if s.simulate:
            x, y, yaw = s.pose[0], s.pose[1], s.pose[5]
            _move(s, model[i], dt, steps, wet, w, d, b)
            figures = math.hypot(s.pose[0], s.pose[1]) + abs(s.angular_velocity[2]) + abs(s.rpm)
            if not figures + math.hypot(s.velocity[0], s.velocity[1]) < _LARGEST:
                s.pose[0], s.pose[1], s.pose[5] = x, y, yaw
                _halt(s)
        else:
            for k in range(3):
                s.velocity[k] = s.angular_velocity[k] = 0.0
        s.force[0] = s.force[1] = 0.0
        s.torque = 0.0
