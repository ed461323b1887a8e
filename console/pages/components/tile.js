// One place of the wall: opens the live picture of a channel and keeps it open.
import * as api from "tongshi/api.js";
import * as format from "tongshi/format.js";
import Player from "tongshi/player.js";
import Talk from "tongshi/talk.js";

const RETRY_S = [1, 2, 5, 10, 20, 30];
const REFRESH_MS = 3_000;
const DRAG_TYPE = "application/x-tongshi-channel";

export default {
  components: { player: Player, talk: Talk },
  template: `
    <section class="ts-tile" :class="{ 'is-selected': selected, 'is-over': isOver }" tabindex="0"
        :data-channel="channelKey || ''" :data-state="state" :aria-label="name || t('tile.empty', { n: index + 1 })"
        @click="$emit('select')" @focus="$emit('select')"
        @dragover.prevent="isOver = true" @dragleave="isOver = false" @drop.prevent="dropped">
      <header class="ts-tile-head">
        <template v-if="channelKey">
          <span class="ts-dot" :class="dotClass" :title="stateText"></span>
          <span class="ts-tile-name" :title="name + '  ' + channelKey">{{ name }}</span>
          <span v-if="isRecording" class="ts-rec" :title="t('tile.recording')">{{ t('tile.rec') }}</span>
        </template>
        <span v-else class="ts-dim">{{ t('tile.number', { n: index + 1 }) }}</span>
      </header>
      <div class="ts-picture">
        <player v-if="url" :url="url" :muted="muted" @stream="streamChanged" @playing="setState('playing')"
            @stalled="setState('stalled')" @lost="lost" @undecodable="undecodable"></player>
        <div v-if="!channelKey" class="ts-notice">
          <q-icon name="videocam" size="28px"></q-icon>
          <p>{{ t('tile.hint') }}</p>
        </div>
        <div v-else-if="state === 'opening' || state === 'connecting'" class="ts-notice" role="status">
          <span class="ts-spinner"></span>
          <p>{{ stateText }}</p>
        </div>
        <div v-else-if="state === 'stalled'" class="ts-notice is-over-picture" role="status">
          <span class="ts-spinner"></span>
          <p>{{ t('state.stalled') }}</p>
        </div>
        <div v-else-if="state === 'failed' || state === 'waiting'" class="ts-notice" role="alert">
          <q-icon name="videocam_off" size="28px"></q-icon>
          <p class="ts-notice-title">{{ problemTitle }}</p>
          <p class="ts-notice-advice">{{ problemAdvice }}</p>
          <p v-if="problem && problem.code" class="ts-notice-code">{{ problemCode }}</p>
          <p class="ts-links"><button class="ts-button" data-action="retry" @click.stop="retryNow">{{ retryLabel }}</button>
            <button v-if="may('device.diagnose')" class="ts-button" data-action="why" @click.stop="$emit('why')"><q-icon name="troubleshoot"></q-icon>{{ t('tile.why') }}</button></p>
        </div>
        <template v-else-if="state === 'undecodable'">
          <img v-if="stillUrl" class="ts-video" :src="stillUrl" :alt="t('undecodable.still_of', { name })" @error="stillFailed">
          <div v-else class="ts-notice" role="status">
            <q-icon name="tv_off" size="28px"></q-icon>
            <p class="ts-notice-title">{{ t('undecodable.title', { codec: undecodableCodec }) }}</p>
            <p class="ts-notice-advice">{{ t('undecodable.advice', { codec: undecodableCodec }) }}</p>
            <button class="ts-button" data-action="still" @click.stop="showStill">{{ t('undecodable.still') }}</button>
          </div>
          <p v-if="stillUrl" class="ts-caption">{{ t('undecodable.title', { codec: undecodableCodec }) }} · {{ t('undecodable.still_at', { time: stillTime }) }}
            <button class="ts-button" @click.stop="showStill">{{ t('undecodable.again') }}</button></p>
        </template>
        <talk v-if="isTalking && channelKey" :key="channelKey" :channel-key="channelKey" :t="t" @close="isTalking = false"></talk>
      </div>
      <footer class="ts-tile-foot">
        <span class="ts-figures" :title="figures">{{ figures }}</span>
        <span v-if="channelKey" class="ts-actions">
          <button v-if="hasAudio" class="ts-icon" :title="t(muted ? 'tile.unmute' : 'tile.mute')"
              :aria-label="t(muted ? 'tile.unmute' : 'tile.mute')" @click.stop="muted = !muted">
            <q-icon :name="muted ? 'volume_off' : 'volume_up'"></q-icon></button>
          <button v-if="may('ptz.control')" class="ts-icon" data-action="ptz" :class="{ 'is-on': isMoved }" :aria-pressed="String(isMoved)"
              :title="t('tile.ptz')" :aria-label="t('tile.ptz')" @click.stop="$emit('ptz')"><q-icon name="control_camera"></q-icon></button>
          <button v-if="may('audio.speak')" class="ts-icon" data-action="talk" :class="{ 'is-on': isTalking }" :aria-pressed="String(isTalking)"
              :title="t('tile.talk')" :aria-label="t('tile.talk')" @click.stop="isTalking = !isTalking"><q-icon name="mic_none"></q-icon></button>
          <button v-if="may('recording.control')" class="ts-icon" data-action="record" :class="{ 'is-recording': wanted }"
              :aria-pressed="String(wanted)" :disabled="isSettingRecording || isAlways" :title="recordLabel"
              :aria-label="recordLabel" @click.stop="toggleRecording">
            <q-icon :name="wanted ? 'stop_circle' : 'fiber_manual_record'"></q-icon></button>
          <a class="ts-icon" :href="snapshotUrl" :download="snapshotName" :title="t('tile.snapshot')"
              :aria-label="t('tile.snapshot')" @click.stop><q-icon name="photo_camera"></q-icon></a>
          <button class="ts-icon" data-action="playback" :title="t('tile.playback')" :aria-label="t('tile.playback')"
              @click.stop="$emit('playback')"><q-icon name="history"></q-icon></button>
          <button class="ts-icon" data-action="close" :title="t('tile.close')" :aria-label="t('tile.close')"
              @click.stop="$emit('close')"><q-icon name="close"></q-icon></button>
        </span>
      </footer>
    </section>`,
  props: { index: Number, channelKey: String, selected: Boolean, isMoved: Boolean, may: Function, t: Function },
  emits: ["select", "close", "playback", "place", "ptz", "why", "message"],
  data() {
    return {
      state: "empty",
      problem: null,
      url: null,
      sessionId: null,
      channel: null,
      video: null,
      hasAudio: false,
      statistics: null,
      muted: true,
      isOver: false,
      isSettingRecording: false,
      isTalking: false,
      failures: 0,
      waitS: 0,
      undecodableCodec: "",
      stillUrl: null,
      stillTime: "",
    };
  },
  computed: {
    name() {
      return this.channel?.name || (this.channelKey || "").split("~").pop();
    },
    isRecording() {
      return Boolean(this.channel?.recording);
    },
    wanted() {
      return Boolean(this.channel?.recording_wanted || this.channel?.record_always || this.channel?.recording);
    },
    // Recorded by configuration: starting and stopping by hand would change nothing.
    isAlways() {
      return Boolean(this.channel?.record_always);
    },
    recordLabel() {
      if (this.isAlways) return this.t("tile.always");
      return this.t(this.wanted ? "tile.stop" : "tile.start");
    },
    stateText() {
      return this.t(`state.${this.state}`);
    },
    dotClass() {
      return { playing: "is-good", failed: "is-bad", waiting: "is-bad", stalled: "is-warn", undecodable: "is-warn" }[this.state] || "is-busy";
    },
    figures() {
      if (!this.video) return "";
      const s = this.statistics || {};
      const parts = [format.codec(this.video.codec), `${this.video.width}×${this.video.height}`];
      if (s.bitrate_kbps != null) parts.push(format.bitrate(s.bitrate_kbps));
      if (s.packet_loss_ratio != null) parts.push(this.t("tile.loss", { loss: format.percent(s.packet_loss_ratio) }));
      if (s.fps != null) parts.push(`${Number(s.fps).toFixed(0)} fps`);
      return parts.join(" · ");
    },
    problemTitle() {
      return this.problem ? this.t.problem(this.problem).title : this.stateText;
    },
    problemAdvice() {
      return this.problem ? this.t.problem(this.problem).advice : "";
    },
    problemCode() {
      return this.problem.sipCode ? `${this.problem.code} · SIP ${this.problem.sipCode}` : this.problem.code;
    },
    retryLabel() {
      return this.waitS > 0 ? this.t("tile.retry_in", { s: this.waitS }) : this.t("tile.retry");
    },
    snapshotUrl() {
      return api.snapshotUrl(this.channelKey);
    },
    snapshotName() {
      return `${this.name.replace(/[\\/:*?"<>|]/g, "_")}.jpg`;
    },
  },
  watch: {
    channelKey() {
      this.restart();
    },
  },
  mounted() {
    this.timer = setInterval(() => this.refresh(), REFRESH_MS);
    this.clock = setInterval(() => this.countDown(), 1_000);
    window.addEventListener("pagehide", this.release);
    this.restart();
  },
  beforeUnmount() {
    window.removeEventListener("pagehide", this.release);
    clearInterval(this.timer);
    clearInterval(this.clock);
    this.attempt = null;
    this.release();
  },
  methods: {
    restart() {
      this.release();
      Object.assign(this, { channel: null, video: null, statistics: null, problem: null, failures: 0, hasAudio: false, isTalking: false, stillUrl: null });
      this.state = this.channelKey ? "opening" : "empty";
      if (this.channelKey) this.open();
    },
    async open() {
      const attempt = (this.attempt = Symbol("attempt"));
      this.state = "opening";
      this.waitS = 0;
      this.refreshChannel();
      let live;
      try {
        live = await api.openLive(this.channelKey);
      } catch (problem) {
        if (attempt === this.attempt) this.failed(problem);
        return;
      }
      if (attempt !== this.attempt) {
        api.closeSession(live.session_id).catch(() => {});
        return;
      }
      this.sessionId = live.session_id;
      this.video = live.video;
      this.hasAudio = Boolean(live.audio);
      this.state = "connecting";
      this.url = live.urls.fmp4_ws;
    },
    release() {
      this.attempt = null;
      this.url = null;
      if (this.sessionId) api.closeSession(this.sessionId).catch(() => {});
      this.sessionId = null;
    },
    setState(state) {
      this.state = state;
      if (state === "playing") this.failures = 0;
    },
    streamChanged(message) {
      this.video = message.video || this.video;
      this.hasAudio = Boolean(message.audio);
    },
    lost(reason) {
      this.failed({ code: "stream-lost", detail: reason, title: "" });
    },
    failed(problem) {
      this.release();
      this.problem = problem;
      this.statistics = null;
      this.state = "waiting";
      const backoff = RETRY_S[Math.min(this.failures, RETRY_S.length - 1)];
      this.failures += 1;
      this.waitS = Math.max(backoff, problem.retryAfterS || 0);
      if (problem.code === "forbidden" || problem.code === "unknown-channel" || problem.code === "not-a-camera") {
        this.state = "failed";
        this.waitS = 0;
      }
    },
    undecodable({ video }) {
      this.release();
      this.undecodableCodec = format.codec((video || this.video || {}).codec) || "?";
      this.state = "undecodable";
    },
    // The platform decodes what this browser cannot: one picture, when asked for.
    showStill() {
      this.stillTime = format.clock(new Date());
      this.stillUrl = `${this.snapshotUrl}?at=${Date.now()}`;
    },
    stillFailed() {
      this.stillUrl = null;
      this.$emit("message", this.t("undecodable.no_still"));
    },
    retryNow() {
      this.failures = 0;
      this.open();
    },
    countDown() {
      if (this.state !== "waiting") return;
      this.waitS -= 1;
      if (this.waitS <= 0) this.open();
    },
    async refresh() {
      if (!this.channelKey || document.hidden) return;
      this.refreshChannel();
      const sessionId = this.sessionId;
      if (!sessionId) return;
      const statistics = await api.session(sessionId).catch(() => null);
      if (sessionId !== this.sessionId || !statistics) return;
      this.statistics = statistics;
      if (statistics.video) this.video = statistics.video;
    },
    async refreshChannel() {
      const key = this.channelKey;
      const channel = await api.channel(key).catch(() => null);
      if (key === this.channelKey && channel && !this.isSettingRecording) this.channel = channel;
    },
    async toggleRecording() {
      const wanted = !this.wanted;
      this.isSettingRecording = true;
      try {
        const now = await api.setRecording(this.channelKey, wanted);
        if (this.channel) this.channel = { ...this.channel, recording_wanted: now.wanted, recording: now.recording };
        this.$emit("message", this.t(now.wanted ? "tile.started" : "tile.stopped", { name: this.name }));
      } catch (problem) {
        const { title, advice } = this.t.problem(problem);
        this.$emit("message", `${title} ${advice}`);
      } finally {
        this.isSettingRecording = false;
      }
      this.refreshChannel();
    },
    dropped(event) {
      this.isOver = false;
      const key = event.dataTransfer.getData(DRAG_TYPE);
      if (key) this.$emit("place", key);
    },
  },
};
