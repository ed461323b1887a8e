// One live stream of a camera: asked for, played by a <player>, and given back. A tile has one, and a second one
// while it changes streams.
import * as api from "tongshi/api.js";
import { canDecode } from "tongshi/mse.js";

// What this browser takes: where it has no H.265, the platform transcodes it.
export const TAKEN = canDecode('video/mp4; codecs="hvc1.1.6.L93.B0"') ? "any" : "h264";

let made = 0;

// What a video shows now, as the address of a picture.
export function stillOf(video) {
  const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
  canvas.getContext("2d").drawImage(video, 0, 0);
  return canvas.toDataURL("image/jpeg", 0.8);
}

export class Picture {
  // stream: "main" or "sub"; codec: "any" or "h264".
  constructor(key, stream, codec) {
    Object.assign(this, { id: ++made, key, asked: stream, codec });
    Object.assign(this, { stream: "", url: null, sessionId: null, video: null, hasAudio: false, transcodedFrom: null });
    Object.assign(this, { statistics: null, isClosed: false });
  }

  // Whether it is what is wanted, or all that the camera has of it.
  fits(stream) {
    return this.asked === stream || this.stream === stream;
  }

  async open() {
    const live = await api.openLive(this.key, { stream: this.asked, codec: this.codec });
    this.sessionId = live.session_id;
    if (this.isClosed) return this.giveBack();
    this.stream = live.stream || "main";
    this.video = live.video;
    this.hasAudio = Boolean(live.audio);
    this.transcodedFrom = live.transcoded_from || null;
    this.url = live.urls.fmp4_ws;
  }

  changed(message) {
    this.video = message.video || this.video;
    this.hasAudio = Boolean(message.audio);
  }

  async refresh() {
    const statistics = this.sessionId && (await api.session(this.sessionId).catch(() => null));
    if (!statistics || this.isClosed) return;
    this.statistics = statistics;
    if (statistics.video) this.video = statistics.video;
  }

  close() {
    this.isClosed = true;
    this.url = null;
    return this.giveBack();
  }

  async giveBack() {
    const sessionId = this.sessionId;
    this.sessionId = null;
    if (sessionId) await api.closeSession(sessionId).catch(() => {});
  }
}
