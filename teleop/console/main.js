// Wiring: log in, then tie link, controls and view together.

import { Controls } from "./controls.js";
import { Link, logIn } from "./link.js";
import { drawBev, drawVideo } from "./view.js";

const $ = (id) => document.getElementById(id);
const NAMES = { standby: "STANDBY", autonomy: "AUTONOMY DRIVES", remote: "YOU DRIVE", minimum_risk: "MINIMUM-RISK STOP" };
const SHORTCUTS = { KeyE: "engage", KeyT: "take_over", KeyH: "hand_back", KeyC: "clear", Space: "stop" };
const NOTICE_MS = 4000;

let controls, link, hello, state, noticeTimer;

function notice(text) {
  $("notice").textContent = text;
  $("notice").hidden = !text;
  clearTimeout(noticeTimer);
  if (text) noticeTimer = setTimeout(() => { $("notice").hidden = true; }, NOTICE_MS);
}

function bar(element, value) { // -1..1, positive grows to the left for steer, to the right for pedals
  element.style.width = `${Math.abs(value) * 50}%`;
  element.style.left = value < 0 ? `${50 + value * 50}%` : "50%";
}

function showState(next) {
  state = next;
  controls.speed = next.speed;
  document.body.dataset.mode = next.mode;
  $("mode").textContent = NAMES[next.mode];
  $("cause").textContent = next.emergency ? `${next.cause}, braking hard` : next.cause;
  $("speed").textContent = Math.round(Math.abs(next.speed) * 3.6);
  $("cap").textContent = next.cap === null ? "" : `max ${Math.round(next.cap * 3.6)}`;
  $("link").textContent = next.latency === null ? "no link" : `${Math.round(next.latency * 1000)} ms`;
  $("link").dataset.grade = next.grade;
  $("reason").textContent = next.reason;
  $("light").textContent = next.light ?? "–";
  $("stopping").textContent = `${next.stopping.toFixed(1)} m`;
  $("rejected").textContent = next.rejected;
  bar($("steer"), -next.steer / hello.max_steer);
  bar($("throttle"), Math.max(0, next.accel / 3));
  bar($("brake"), Math.min(0, next.accel / 6));
  if (next.refused) notice(next.refused);
  drawBev($("bev"), next, hello);
}

function start(session) {
  $("login").hidden = true;
  $("desk").hidden = false;
  controls ??= new Controls();
  link = new Link(session, {
    hello: (message) => { hello = message; document.title = `Ninefold: ${message.vehicle}`; },
    state: showState,
    frame: (bitmap, id, t) => {
      drawVideo($("video"), bitmap, state, hello);
      bitmap.close();
      $("stamp").textContent = `frame ${id}  t ${t.toFixed(2)} s`;
    },
    rejected: (message) => notice(`message refused: ${message.why}`),
    closed: (why) => {
      sessionStorage.removeItem("session");
      document.body.dataset.mode = "login";
      $("desk").hidden = true;
      $("login").hidden = false;
      $("login-error").textContent = `${why}; the vehicle looks after itself. Log in again with the code in the terminal.`;
    },
  }, () => controls.read());
}

$("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const session = await logIn($("code").value);
    sessionStorage.setItem("session", JSON.stringify(session));
    $("code").value = "";
    $("login-error").textContent = "";
    start(session);
  } catch (error) {
    $("login-error").textContent = error.message;
  }
});

for (const button of document.querySelectorAll("[data-request]")) {
  button.addEventListener("click", () => { link?.send(button.dataset.request); button.blur(); });
}

addEventListener("keydown", (event) => {
  if ($("desk").hidden || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.code === "KeyR") controls.changeDirection();
  const request = SHORTCUTS[event.code];
  if (request) { event.preventDefault(); link.send(request); }
});

const kept = sessionStorage.getItem("session");
if (kept) start(JSON.parse(kept));
