// The browser's microphone to a device, over WebRTC: the platform speaks to the device as it wants to be spoken to.
import * as api from "tongshi/api.js";

const GATHER_MS = 5_000;
const POLL_MS = 1_500;

// Browsers give the microphone to pages by https or from this same machine only.
export const isMicrophonePossible = () => Boolean(window.isSecureContext && navigator.mediaDevices?.getUserMedia);

// Events: onState("microphone" | "calling" | "ready"), and once and last onEnded(problem or null).
export class Voice {
  constructor(key, events) {
    this.key = key;
    this.events = events;
    this.isClosed = false;
  }

  async open() {
    try {
      await this.connect();
    } catch (problem) {
      this.end(problem);
    }
  }

  async connect() {
    this.events.onState("microphone");
    const microphone = await this.ask();
    if (this.isClosed) return microphone.getTracks().forEach((track) => track.stop());
    this.microphone = microphone;
    this.speak(false);
    this.listen();
    this.events.onState("calling");
    const session = await api.call("POST", `${api.channelPath(this.key)}/audio`, { body: { mode: "auto" } });
    this.sessionId = session.session_id;
    if (this.isClosed) return this.hangUp();
    const peer = (this.peer = new RTCPeerConnection());
    for (const track of microphone.getTracks()) peer.addTrack(track, microphone);
    peer.ontrack = ({ streams, track }) => this.hear(streams[0] || new MediaStream([track]));
    peer.onconnectionstatechange = () => peer.connectionState === "failed" && this.end({ code: "microphone-way" });
    await peer.setLocalDescription(await peer.createOffer());
    await this.gathered(peer);
    const answer = await api.call("POST", `/audio/sessions/${this.sessionId}/webrtc`, { body: { sdp: peer.localDescription.sdp } });
    if (this.isClosed) return null;
    await peer.setRemoteDescription(answer);
    this.polling = setInterval(() => this.poll(), POLL_MS);
    this.events.onState("ready");
    return null;
  }

  async ask() {
    if (!isMicrophonePossible()) throw { code: "microphone-insecure" };
    try {
      return await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } });
    } catch (error) {
      throw { code: error.name === "NotFoundError" ? "microphone-missing" : "microphone-refused", detail: error.message };
    }
  }

  // The platform takes one offer, with all candidates in it.
  gathered(peer) {
    if (peer.iceGatheringState === "complete") return null;
    return new Promise((done) => {
      const timer = setTimeout(done, GATHER_MS);
      peer.onicegatheringstatechange = () => {
        if (peer.iceGatheringState !== "complete") return;
        clearTimeout(timer);
        done();
      };
    });
  }

  listen() {
    this.context = new AudioContext();
    this.meter = this.context.createAnalyser();
    this.meter.fftSize = 1024;
    this.context.createMediaStreamSource(this.microphone).connect(this.meter);
    this.samples = new Float32Array(this.meter.fftSize);
  }

  hear(stream) {
    this.loudspeaker = new Audio();
    this.loudspeaker.srcObject = stream;
    this.loudspeaker.play().catch(() => {});
  }

  // How loud the microphone is, 0 to 1.
  level() {
    if (!this.meter) return 0;
    this.meter.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, sample) => sum + sample * sample, 0) / this.samples.length;
    return Math.max(0, Math.min(1, (10 * Math.log10(power + 1e-9) + 60) / 60));
  }

  speak(isSpeaking) {
    this.context?.resume();
    for (const track of this.microphone?.getTracks() || []) track.enabled = isSpeaking;
  }

  async poll() {
    try {
      const session = await api.call("GET", `/audio/sessions/${this.sessionId}`);
      if (session.state === "ended") this.end({ code: "voice-ended", detail: session.end_reason });
    } catch (problem) {
      if (problem.code === "unknown-audio-session") this.end({ code: "voice-ended" });
    }
  }

  end(problem) {
    if (this.isClosed) return;
    this.close();
    this.events.onEnded(problem);
  }

  hangUp() {
    if (this.sessionId) api.call("DELETE", `/audio/sessions/${this.sessionId}`, { keepalive: true }).catch(() => {});
    this.sessionId = null;
    return null;
  }

  close() {
    this.isClosed = true;
    clearInterval(this.polling);
    for (const track of this.microphone?.getTracks() || []) track.stop();
    this.peer?.close();
    this.context?.close();
    if (this.loudspeaker) this.loudspeaker.srcObject = null;
    this.hangUp();
  }
}
