// Keyboard and gamepad to { present, steer, accel, reverse }; steer is positive left, as everywhere.

const STEER_RATE = 1.1; // of the full lock per second, at a standstill
const RETURN_RATE = 2.2;
const PEDAL_RATE = 2.5;
const KEYS = { KeyW: "up", ArrowUp: "up", KeyS: "down", ArrowDown: "down", KeyA: "left", ArrowLeft: "left", KeyD: "right", ArrowRight: "right" };
const DEAD_ZONE = 0.06;

const towards = (value, goal, step) => value + Math.max(-step, Math.min(step, goal - value));

export class Controls {
  constructor() {
    this.held = new Set();
    this.steer = 0;
    this.accel = 0;
    this.reverse = false;
    this.speed = 0; // m/s, told by the vehicle
    this.last = performance.now();
    addEventListener("keydown", (event) => this.key(event, true));
    addEventListener("keyup", (event) => this.key(event, false));
    addEventListener("blur", () => this.held.clear());
  }

  key(event, down) {
    const name = KEYS[event.code];
    if (!name || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    if (down) this.held.add(name); else this.held.delete(name);
  }

  changeDirection() { if (Math.abs(this.speed) < 0.3) this.reverse = !this.reverse; }

  read() {
    const now = performance.now();
    const dt = Math.min(0.2, (now - this.last) / 1000);
    this.last = now;
    if (!this.gamepad()) this.keyboard(dt);
    const present = document.hasFocus() && document.visibilityState === "visible";
    return { present, steer: this.steer, accel: this.accel, reverse: this.reverse };
  }

  keyboard(dt) {
    const side = this.held.has("left") - this.held.has("right");
    const pedal = this.held.has("up") - this.held.has("down");
    // Full lock while parking, a few degrees at speed: lateral acceleration stays about the same.
    const lock = Math.min(1, 12 / Math.max(1, this.speed * this.speed));
    const scale = Math.max(0.12, lock);
    const rate = side === 0 || side * this.steer < 0 ? RETURN_RATE : STEER_RATE * Math.max(0.3, scale);
    this.steer = towards(this.steer, 0.5 * side * scale, rate * dt);
    this.accel = towards(this.accel, pedal, PEDAL_RATE * dt);
  }

  gamepad() {
    const pad = [...(navigator.getGamepads?.() ?? [])].find((one) => one && one.mapping === "standard");
    if (!pad) return false;
    const axis = Math.abs(pad.axes[0]) < DEAD_ZONE ? 0 : pad.axes[0];
    const pedal = pad.buttons[7].value - pad.buttons[6].value;
    if (axis === 0 && pedal === 0 && this.held.size) return false;
    this.steer = -0.5 * Math.sign(axis) * axis * axis;
    this.accel = pedal;
    return true;
  }
}
