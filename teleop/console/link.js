// The link to the vehicle: sealed commands out at 20 Hz, pictures and state in.

const COMMAND_PERIOD_MS = 50;
const HEADER_BYTES = 16; // u32 frame id, f64 simulation time, u16 width, u16 height

const hex = (buffer) => Array.from(new Uint8Array(buffer), (b) => b.toString(16).padStart(2, "0")).join("");

export async function logIn(code) {
  const response = await fetch("/login", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ code }),
  });
  if (!response.ok) throw new Error(await response.text());
  return response.json(); // { session, key }
}

export class Link {
  // on: { hello, state, frame(bitmap, id, t), rejected(why), closed(why) }; read(): the controls now
  constructor({ session, key }, on, read) {
    this.session = session;
    this.on = on;
    this.read = read;
    this.seq = Date.now(); // rises over a page reload too; hello says where the vehicle is
    this.shown = 0;
    this.why = "link lost";
    this.ready = this.open(key);
  }

  async open(key) {
    const raw = Uint8Array.from(atob(key), (c) => c.charCodeAt(0));
    this.key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/link`);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = (event) => this.receive(event.data);
    this.socket.onopen = () => { this.timer = setInterval(() => this.send("none"), COMMAND_PERIOD_MS); };
    this.socket.onclose = () => { clearInterval(this.timer); this.on.closed(this.why); };
  }

  async receive(data) {
    if (typeof data === "string") {
      const message = JSON.parse(data);
      if (message.type === "hello") this.seq = Math.max(this.seq, message.seq);
      if (message.type === "evicted") this.why = "another console took over";
      this.on[message.type]?.(message);
      return;
    }
    const header = new DataView(data, 0, HEADER_BYTES);
    const id = header.getUint32(0, true);
    const t = header.getFloat64(4, true);
    const bitmap = await createImageBitmap(new Blob([new Uint8Array(data, HEADER_BYTES)], { type: "image/jpeg" }));
    if (id <= this.shown) return bitmap.close(); // newest wins
    this.shown = id;
    this.on.frame(bitmap, id, t);
  }

  async send(request) {
    const seq = ++this.seq;
    const payload = JSON.stringify({ session: this.session, seq, frame: this.shown, request, ...this.read() });
    const seal = await crypto.subtle.sign("HMAC", this.key, new TextEncoder().encode(payload));
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(`${payload}.${hex(seal)}`);
  }

  close() { this.socket?.close(); }
}
