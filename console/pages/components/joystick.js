// The held joystick of one camera: says again and again what is wanted, and once that nothing is.
//
// The platform stops a movement by itself when this falls silent or its socket closes; letting go is only the
// quickest way to stop.
import * as api from "tongshi/api.js";

const REPEAT_MS = 500;
const RECONNECT_MS = 2_000;
const NOTHING = { pan: 0, tilt: 0, zoom: 0, focus: 0, iris: 0 };

const isStill = (movement) => Object.values(movement).every((part) => part === 0);

// Events: onMessage(message) for what the platform says, onConnected(boolean).
export class Joystick {
  constructor(key, events) {
    this.key = key;
    this.events = events;
    this.wanted = NOTHING;
    this.isClosed = false;
    this.connect();
  }

  connect() {
    const url = new URL(api.apiPath(`${api.channelPath(this.key)}/ptz/joystick`), location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.socket = new WebSocket(url);
    this.socket.onopen = () => this.events.onConnected(true);
    this.socket.onmessage = ({ data }) => this.events.onMessage(JSON.parse(data));
    this.socket.onclose = () => {
      this.forget();
      if (this.isClosed) return;
      this.events.onConnected(false);
      this.reconnecting = setTimeout(() => this.connect(), RECONNECT_MS);
    };
  }

  hold(movement) {
    const before = this.wanted;
    this.wanted = { ...NOTHING, ...movement };
    if (isStill(this.wanted)) {
      this.forget();
      // Said only after a movement: it would take the camera from whoever has it.
      if (!isStill(before)) this.say(NOTHING);
      return;
    }
    this.say(this.wanted);
    this.repeating ??= setInterval(() => this.say(this.wanted), REPEAT_MS);
  }

  say(movement) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(movement));
  }

  forget() {
    clearInterval(this.repeating);
    this.repeating = null;
    this.wanted = NOTHING;
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.reconnecting);
    this.hold({});
    this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
  }
}
