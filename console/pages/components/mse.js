// Live picture: fragmented MP4 over a WebSocket into MediaSource.
//
// The server sends a text message {"type": "stream", "mime", "video", "audio"}, then the binary init segment, then
// binary fragments, and the same again when the stream changes; {"type": "skipped"} when it left pictures out for
// a slow viewer; {"type": "ended", "reason"} before it closes.

const EDGE_TARGET_S = 0.6; // where a jump lands behind the newest picture
const EDGE_NEAR_S = 0.3; // nearer than this: play a little slower
const EDGE_SLOW_S = 1.5; // farther than this: play a little faster
const EDGE_FAR_S = 4; // farther than this: jump
const KEEP_BEHIND_S = 10;
const TRIM_AT_S = 30;
const MAX_QUEUED_BYTES = 32 << 20;
const MAX_APPEND_BYTES = 2 << 20;
const STALLED_AFTER_MS = 5_000;
const LOST_AFTER_MS = 15_000;
const TEND_EVERY_MS = 500;
const PICTURE_WAIT_MS = 1_000; // a page in the background is told of no picture

const Source = window.ManagedMediaSource || window.MediaSource;

export function canDecode(mime) {
  return Boolean(Source && Source.isTypeSupported(mime));
}

// Events: onStream({mime, video, audio}), onPlaying(), onStalled(), onSkipped(count), and, each once and last:
// onLost(reason) when the connection or the stream ended, onUndecodable({mime, video, detail}) when this browser
// cannot show it.
export class LivePlayer {
  constructor(video, events) {
    this.video = video;
    this.events = events;
    this.queue = [];
    this.queuedBytes = 0;
    this.receivedBytes = 0;
    this.mime = null;
    this.source = null;
    this.buffer = null;
    this.socket = null;
    this.isClosed = false;
    this.isStalled = false;
    this.isHeld = false;
    this.hasPicture = false;
    this.pace = 1;
    this.lastDataAt = performance.now();
    this.lastProgressAt = performance.now();
    this.lastTime = 0;
    this.onVideoPlaying = () => this.pictureThere();
    this.onVideoError = () => this.undecodable(this.video.error?.message || "");
    this.onVisible = () => document.hidden || this.tend();
  }

  open(url) {
    this.video.addEventListener("playing", this.onVideoPlaying);
    this.video.addEventListener("error", this.onVideoError);
    document.addEventListener("visibilitychange", this.onVisible);
    this.timer = setInterval(() => this.watch(), TEND_EVERY_MS);
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => this.receive(data);
    this.socket.onclose = ({ code, reason }) => this.lost(this.endReason || reason || `closed ${code}`);
  }

  // Nothing is expected to come while a playback is paused.
  hold(isHeld) {
    this.isHeld = isHeld;
  }

  // A playback at another speed: pictures may come so many times as fast as their time stamps say.
  setPace(pace) {
    this.pace = Math.min(16, Math.abs(pace) || 1);
  }

  close() {
    if (this.isClosed) return;
    this.isClosed = true;
    clearInterval(this.timer);
    document.removeEventListener("visibilitychange", this.onVisible);
    this.video.removeEventListener("playing", this.onVideoPlaying);
    this.video.removeEventListener("error", this.onVideoError);
    if (this.socket) {
      this.socket.onmessage = this.socket.onclose = null;
      this.socket.close();
    }
    this.queue = [];
    this.video.removeAttribute("src");
    this.video.load();
    if (this.objectUrl) URL.revokeObjectURL(this.objectUrl);
  }

  // A video says that it plays a moment before its first picture can be seen.
  pictureThere() {
    let isSaid = false;
    const say = () => {
      clearTimeout(late);
      if (isSaid || this.isClosed) return;
      isSaid = this.hasPicture = true;
      this.events.onPlaying?.();
    };
    const late = setTimeout(say, PICTURE_WAIT_MS);
    if (this.hasPicture || !this.video.requestVideoFrameCallback) say();
    else this.video.requestVideoFrameCallback(say);
  }

  receive(data) {
    this.lastDataAt = performance.now();
    if (typeof data === "string") return this.receiveText(JSON.parse(data));
    this.receivedBytes += data.byteLength;
    this.queuedBytes += data.byteLength;
    if (this.queuedBytes > MAX_QUEUED_BYTES) return this.lost("the browser is too slow for this stream");
    this.queue.push(data);
    this.pump();
  }

  receiveText(message) {
    if (message.type === "stream") this.receiveStream(message);
    else if (message.type === "skipped") this.events.onSkipped?.(message);
    else if (message.type === "ended") this.endReason = message.reason;
  }

  receiveStream(message) {
    this.mime = message.mime;
    this.streamVideo = message.video;
    this.events.onStream?.(message);
    if (!canDecode(message.mime)) return this.undecodable("");
    this.queue.push({ mime: message.mime });
    if (!this.source) this.attach();
    else this.pump();
  }

  attach() {
    this.source = new Source();
    this.source.addEventListener("sourceopen", () => this.sourceOpened(), { once: true });
    this.objectUrl = URL.createObjectURL(this.source);
    this.video.disableRemotePlayback = true; // ManagedMediaSource asks for it
    this.video.src = this.objectUrl;
  }

  sourceOpened() {
    if (this.isClosed) return;
    const { mime } = this.queue.shift();
    try {
      this.buffer = this.source.addSourceBuffer(mime);
    } catch (error) {
      return this.undecodable(error.message);
    }
    this.buffer.mode = "segments";
    this.buffer.addEventListener("updateend", () => this.updated());
    this.pump();
  }

  pump() {
    const buffer = this.buffer;
    if (!buffer || buffer.updating || this.isClosed || !this.queue.length) return;
    try {
      if (this.queue[0].mime) {
        buffer.abort();
        buffer.changeType(this.queue.shift().mime);
      }
      const data = this.takeQueued();
      if (data) buffer.appendBuffer(data);
    } catch (error) {
      if (error.name === "QuotaExceededError" && this.trim(2)) return; // appended again after the trim
      this.undecodable(error.message);
    }
  }

  // Small fragments are joined: one append costs more than its bytes.
  takeQueued() {
    let size = 0;
    let count = 0;
    while (count < this.queue.length && !this.queue[count].mime && size < MAX_APPEND_BYTES) {
      size += this.queue[count++].byteLength;
    }
    if (!count) return null;
    this.queuedBytes -= size;
    const parts = this.queue.splice(0, count);
    if (count === 1) return parts[0];
    const joined = new Uint8Array(size);
    let at = 0;
    for (const part of parts) {
      joined.set(new Uint8Array(part), at);
      at += part.byteLength;
    }
    return joined;
  }

  updated() {
    if (this.isClosed) return;
    this.tend();
    this.pump();
  }

  // Keep near the newest picture, out of holes, and the buffer small.
  tend() {
    const { video, buffer } = this;
    if (!buffer || this.isClosed || !video.buffered.length) return;
    const ranges = video.buffered;
    const last = ranges.length - 1;
    const end = ranges.end(last);
    const lag = end - video.currentTime;
    const isInLast = video.currentTime >= ranges.start(last) - 0.1 && lag >= -0.1;
    if (!isInLast || lag > EDGE_FAR_S) {
      video.currentTime = Math.max(ranges.start(last), end - EDGE_TARGET_S);
    } else {
      video.playbackRate = this.rate(lag);
    }
    if (video.paused && !document.hidden) video.play().catch(() => {});
    this.trim(TRIM_AT_S);
  }

  rate(lag) {
    if (lag > EDGE_SLOW_S) return Math.min(16, 1.1 * Math.max(1, this.pace));
    if (lag < EDGE_NEAR_S) return 0.95 * Math.max(0.1, Math.min(1, this.pace));
    return this.pace === 1 ? 1 : this.video.playbackRate;
  }

  trim(atS) {
    const { video, buffer } = this;
    if (buffer.updating || !video.buffered.length) return false;
    const start = video.buffered.start(0);
    const until = video.currentTime - Math.min(KEEP_BEHIND_S, atS / 2);
    if (video.currentTime - start < atS || until <= start) return false;
    buffer.remove(start, until);
    return true;
  }

  watch() {
    if (this.isHeld) {
      this.lastDataAt = this.lastProgressAt = performance.now();
      return;
    }
    const silentMs = performance.now() - this.lastDataAt;
    if (silentMs > LOST_AFTER_MS) return this.lost("no data");
    // Data may come and the picture stand all the same, e.g. when a declared sound track fell silent.
    if (this.video.currentTime !== this.lastTime || document.hidden || !this.buffer) {
      this.lastTime = this.video.currentTime;
      this.lastProgressAt = performance.now();
    } else if (performance.now() - this.lastProgressAt > LOST_AFTER_MS) return this.lost("the picture stands still");
    if (silentMs > STALLED_AFTER_MS !== this.isStalled) {
      this.isStalled = !this.isStalled;
      if (this.isStalled) this.events.onStalled?.();
      else this.events.onPlaying?.();
    }
    if (this.buffer && !this.buffer.updating) this.tend();
  }

  lost(reason) {
    if (this.isClosed) return;
    this.close();
    this.events.onLost?.(reason);
  }

  undecodable(detail) {
    if (this.isClosed) return;
    const { mime, streamVideo: video } = this;
    this.close();
    this.events.onUndecodable?.({ mime, video, detail });
  }
}
