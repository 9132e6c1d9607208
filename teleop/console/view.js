// Drawing: the video with plan and own path over it, and the bird's-eye view.

const PATH_SECONDS = 2.5;

// Ego-frame point (x forward, y left, z up) to pixels of the camera, or null behind it.
function projector(camera, canvas) {
  const m = camera.ego_from_cam; // 4 x 4, rows
  const focal = camera.width_px / (2 * Math.tan(camera.fov / 2));
  const scale = canvas.width / camera.width_px;
  return (x, y, z = 0) => {
    const d = [x - m[0][3], y - m[1][3], z - m[2][3]];
    const along = (column) => m[0][column] * d[0] + m[1][column] * d[1] + m[2][column] * d[2];
    const depth = along(2);
    if (depth < 0.4) return null;
    return [scale * (camera.width_px / 2 + focal * along(0) / depth), scale * (camera.height_px / 2 + focal * along(1) / depth)];
  };
}

function strip(context, project, line, half, style) {
  const sides = [half, -half].map((offset) => line.map(([x, y], i) => {
    const [ax, ay] = line[Math.max(0, i - 1)];
    const [bx, by] = line[Math.min(line.length - 1, i + 1)];
    const length = Math.hypot(bx - ax, by - ay) || 1;
    return project(x - (by - ay) / length * offset, y + (bx - ax) / length * offset);
  }).filter(Boolean));
  if (sides[0].length < 2 || sides[1].length < 2) return;
  context.beginPath();
  [...sides[0], ...sides[1].reverse()].forEach(([u, v], i) => i ? context.lineTo(u, v) : context.moveTo(u, v));
  context.closePath();
  context.fillStyle = style;
  context.fill();
}

// Where the wheels lead: an arc of constant steer, kinematic bicycle.
function ownPath(state, wheelbase) {
  const curvature = Math.tan(state.steer) / wheelbase;
  const reach = Math.max(4, Math.abs(state.speed) * PATH_SECONDS);
  return Array.from({ length: 24 }, (_, i) => {
    const s = reach * (i + 1) / 24;
    const turn = curvature * s;
    return Math.abs(turn) < 1e-4 ? [s, curvature * s * s / 2] : [Math.sin(turn) / curvature, (1 - Math.cos(turn)) / curvature];
  });
}

export function drawVideo(canvas, bitmap, state, hello) {
  const context = canvas.getContext("2d");
  if (canvas.width !== bitmap.width * 1.5) { canvas.width = bitmap.width * 1.5; canvas.height = bitmap.height * 1.5; }
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  if (!state) return;
  const project = projector(hello.camera, canvas);
  if (state.plan.length > 1) strip(context, project, state.plan, 0.9, "rgba(79, 209, 161, .35)");
  if (state.mode === "remote") strip(context, project, ownPath(state, hello.wheelbase), 0.95, "rgba(246, 196, 83, .30)");
  const bar = [[state.stopping, 1.4], [state.stopping, -1.4]].map(([x, y]) => project(x, y));
  if (bar[0] && bar[1] && state.speed > 0.5) {
    context.strokeStyle = "rgba(255, 107, 107, .9)";
    context.lineWidth = 3;
    context.beginPath();
    context.moveTo(...bar[0]);
    context.lineTo(...bar[1]);
    context.stroke();
  }
}

const COLOURS = { vehicle: "#5aa9f8", walker: "#ff8fa3" };

export function drawBev(canvas, state, hello) {
  const context = canvas.getContext("2d");
  const scale = 6; // px per m
  const [u0, v0] = [canvas.width / 2, canvas.height - 90];
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.setTransform(0, -scale, -scale, 0, u0, v0); // ego x up, y left
  const line = (points, colour, width, dash = []) => {
    if (points.length < 2) return;
    context.beginPath();
    points.forEach(([x, y], i) => i ? context.lineTo(x, y) : context.moveTo(x, y));
    context.strokeStyle = colour; context.lineWidth = width; context.setLineDash(dash);
    context.stroke(); context.setLineDash([]);
  };
  for (let r = 20; r <= 60; r += 20) { context.beginPath(); context.arc(0, 0, r, 0, 7); context.strokeStyle = "#1c2631"; context.lineWidth = .2; context.stroke(); }
  for (const lane of state.lanes) line(lane, "#33424f", 3.2);
  line(state.route, "#3b82f655", 1.2);
  line(state.plan, "#4fd1a1", .6);
  for (const o of state.objects) {
    context.save();
    context.translate(o.x, o.y); context.rotate(o.yaw);
    context.fillStyle = COLOURS[o.kind] ?? "#aaa";
    context.fillRect(-o.length / 2, -o.width / 2, o.length, o.width);
    context.restore();
    line([[o.x, o.y], [o.x + o.vx, o.y + o.vy]], COLOURS[o.kind] ?? "#aaa", .25);
  }
  context.fillStyle = "#e6edf3";
  context.fillRect(-hello.length / 2, -hello.width / 2, hello.length, hello.width);
}
