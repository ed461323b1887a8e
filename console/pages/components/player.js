// <player>: a live picture. Give it an address; it says what it shows and when it needs a new address.
import { LivePlayer } from "tongshi/mse.js";

export default {
  template: `<video ref="video" class="ts-video" playsinline autoplay :muted.prop="muted" tabindex="-1"></video>`,
  props: { url: String, muted: { type: Boolean, default: true }, held: Boolean, pace: { type: Number, default: 1 } },
  emits: ["stream", "playing", "stalled", "lost", "undecodable"],
  mounted() {
    this.open();
  },
  beforeUnmount() {
    this.player?.close();
  },
  watch: {
    url() {
      this.open();
    },
    held(held) {
      this.player?.hold(held);
    },
    pace(pace) {
      this.player?.setPace(pace);
    },
  },
  methods: {
    open() {
      this.player?.close();
      if (!this.url) return;
      this.player = new LivePlayer(this.$refs.video, {
        onStream: (message) => this.$emit("stream", message),
        onPlaying: () => this.$emit("playing"),
        onStalled: () => this.$emit("stalled"),
        onLost: (reason) => this.$emit("lost", reason),
        onUndecodable: (what) => this.$emit("undecodable", what),
      });
      this.player.hold(this.held);
      this.player.setPace(this.pace);
      this.player.open(this.url);
    },
  },
};
