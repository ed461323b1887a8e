// Playback of what a device itself has recorded: the platform asks it for its list, and for a stream of each stretch.
import * as api from "tongshi/api.js";
import Downloads from "tongshi/downloads.js";
import * as format from "tongshi/format.js";
import PlaybackHead from "tongshi/playback_head.js";
import Player from "tongshi/player.js";
import Timeline from "tongshi/timeline.js";

const POLL_MS = 1_000;
const AT_START_MS = 1_000; // as near to the end of a stretch there is nothing left to play
const playbackPath = (id) => `/playbacks/${encodeURIComponent(id)}`;

export default {
  components: { "playback-head": PlaybackHead, player: Player, timeline: Timeline, downloads: Downloads },
  template: `
    <section class="ts-playback is-device" :aria-label="t('source.device')" :data-state="state">
      <playback-head :title="channel ? channel.name : ''" :has-channel="Boolean(channelKey)" source="device" may-ask-device :date="date" :t="t"
        @date="(date) => $emit('date', date)" @source="(source) => $emit('source', source)"></playback-head>
      <div v-if="!channelKey" class="ts-empty"><q-icon name="history" size="32px"></q-icon><p>{{ t('playback.choose') }}</p></div>
      <template v-else>
        <div class="ts-picture">
          <player v-if="session" :url="session.urls.fmp4_ws" :muted="muted" :held="state === 'paused'" :pace="scale" @lost="lost" @undecodable="undecodable"></player>
          <div v-if="state === 'loading'" class="ts-notice" role="status"><span class="ts-spinner"></span><p>{{ t('records.loading') }}</p><p class="ts-notice-advice">{{ t('records.patience') }}</p></div>
          <div v-else-if="state === 'none'" class="ts-notice" role="status"><q-icon name="event_busy" size="32px"></q-icon>
            <p class="ts-notice-title">{{ t('records.none', { date }) }}</p><p class="ts-notice-advice">{{ t('records.none_advice') }}</p></div>
          <div v-else-if="state === 'ready'" class="ts-notice" role="status"><button class="ts-button is-large" data-action="play-first" @click="playFrom(new Date(spans[0].start))">
            <q-icon name="play_arrow"></q-icon> {{ t('playback.play_from', { time: clock(new Date(spans[0].start)) }) }}</button></div>
          <div v-else-if="state === 'opening'" class="ts-notice" role="status"><span class="ts-spinner"></span><p>{{ t('records.opening') }}</p></div>
          <div v-else-if="state === 'failed'" class="ts-notice" role="alert"><q-icon name="error_outline" size="32px"></q-icon>
            <p class="ts-notice-title">{{ problem.title }}</p><p class="ts-notice-advice">{{ problem.advice }}</p>
            <button class="ts-button" data-action="retry" @click="retry">{{ t('tile.retry') }}</button></div>
          <div v-else-if="state === 'undecodable'" class="ts-notice" role="status"><q-icon name="tv_off" size="32px"></q-icon>
            <p class="ts-notice-title">{{ t('undecodable.title', { codec }) }}</p><p class="ts-notice-advice">{{ t('records.undecodable') }}</p></div>
          <div v-else-if="state === 'ended'" class="ts-notice is-over-picture" role="status"><p class="ts-notice-title">{{ ending }}</p></div>
        </div>
        <div class="ts-playback-controls">
          <button class="ts-icon" data-action="play" :disabled="!spans.length || state === 'opening' || isBusy" :title="t(isPlaying ? 'playback.pause' : 'playback.play')"
            :aria-label="t(isPlaying ? 'playback.pause' : 'playback.play')" @click="togglePlay"><q-icon :name="isPlaying ? 'pause' : 'play_arrow'"></q-icon></button>
          <span class="ts-time">{{ head ? clock(head) : '--:--:--' }}</span>
          <select class="ts-input" data-action="speed" :value="scale" :disabled="!session || isBusy" :aria-label="t('playback.speed')" @change="changeSpeed(Number($event.target.value))">
            <option v-for="s in scales" :key="s" :value="s">{{ s < 0 ? t('records.reverse', { n: -s }) : s + '×' }}</option></select>
          <button class="ts-icon" :title="t(muted ? 'tile.unmute' : 'tile.mute')" :aria-label="t(muted ? 'tile.unmute' : 'tile.mute')" @click="muted = !muted">
            <q-icon :name="muted ? 'volume_off' : 'volume_up'"></q-icon></button>
          <span class="ts-dim">{{ summary }}</span>
          <span v-if="isPartial" class="ts-warn-text">{{ t('records.partial') }}</span>
          <span class="ts-spacer"></span>
          <button v-if="mayDownload" class="ts-button" data-action="downloads" :aria-expanded="String(isDownloading)" @click="isDownloading = !isDownloading"><q-icon name="download"></q-icon>{{ t('downloads.title') }}</button>
        </div>
        <timeline :segments="spans" :from="from" :until="until" :head="head" :t="t" @seek="playFrom"></timeline>
        <downloads v-if="mayDownload && isDownloading" :channel-key="channelKey" :date="date" :around="head" :spans="spans" :t="t" @message="(text) => $emit('message', text)"></downloads>
      </template>
    </section>`,
  props: { channelKey: String, date: String, mayDownload: Boolean, t: Function },
  emits: ["date", "source", "message"],
  data() {
    return {
      channel: null,
      state: "loading",
      problem: null,
      spans: [],
      items: [],
      isPartial: false,
      session: null,
      head: null,
      scale: 1,
      scales: [1],
      muted: true,
      codec: "",
      ending: "",
      isBusy: false,
      isDownloading: false,
    };
  },
  computed: {
    from() {
      return format.midnight(this.date);
    },
    until() {
      return format.nextMidnight(this.from);
    },
    isPlaying() {
      return this.state === "playing";
    },
    summary() {
      if (!this.spans.length) return "";
      const seconds = this.spans.reduce((sum, span) => sum + (Date.parse(span.end) - Date.parse(span.start)) / 1000, 0);
      return this.t("records.summary", { n: this.items.length, hours: format.duration(seconds) });
    },
  },
  watch: {
    channelKey() {
      this.load();
    },
    date() {
      this.load();
    },
  },
  mounted() {
    this.timer = setInterval(() => this.poll(), POLL_MS);
    window.addEventListener("pagehide", this.release);
    this.load();
  },
  beforeUnmount() {
    clearInterval(this.timer);
    window.removeEventListener("pagehide", this.release);
    this.loading = null;
    this.release();
  },
  methods: {
    clock: format.clock,
    async load() {
      this.release();
      Object.assign(this, { channel: null, spans: [], items: [], head: null, isPartial: false, scale: 1, scales: [1] });
      if (!this.channelKey) return;
      this.state = "loading";
      const loading = (this.loading = Symbol("loading"));
      api.channel(this.channelKey).then((channel) => loading === this.loading && (this.channel = channel), () => {});
      try {
        const until = new Date(Math.min(this.until, Math.max(Date.now(), this.from.getTime() + AT_START_MS)));
        const params = { start: this.from.toISOString(), end: until.toISOString() };
        const found = await api.call("GET", `${api.channelPath(this.channelKey)}/device-records`, { params });
        if (loading !== this.loading) return;
        this.items = found.items;
        this.spans = found.coverage;
        this.isPartial = !found.complete;
        this.state = found.coverage.length ? "ready" : "none";
      } catch (problem) {
        if (loading === this.loading) this.failed(problem);
      }
    },
    retry() {
      return this.spans.length && this.head ? this.playFrom(this.head) : this.load();
    },
    failed(problem) {
      this.release();
      this.problem = this.t.problem(problem);
      this.state = "failed";
    },
    // Play what was recorded at that time, or the first thing after it.
    playFrom(time) {
      const ms = time.getTime();
      const span = this.spans.find((one) => Date.parse(one.end) - AT_START_MS > ms);
      if (!span) {
        this.$emit("message", this.t("playback.nothing_after", { time: format.clock(time) }));
        return null;
      }
      const start = new Date(Math.max(ms, Date.parse(span.start)));
      const isInside = this.session && start >= Date.parse(this.session.start) && start < Date.parse(this.session.end);
      return isInside ? this.command("seek", { time: start.toISOString() }) : this.open(start, span);
    },
    async open(start, span) {
      this.release();
      this.state = "opening";
      this.head = start;
      const opening = (this.opening = Symbol("opening"));
      let session;
      try {
        session = await api.call("POST", `${api.channelPath(this.channelKey)}/playbacks`, { body: { start: start.toISOString(), end: span.end } });
      } catch (problem) {
        if (opening === this.opening) this.failed(problem);
        return;
      }
      if (opening !== this.opening) {
        this.close(session.playback_id);
        return;
      }
      this.session = session;
      this.take(session);
    },
    take(playback) {
      this.scale = playback.scale;
      this.scales = [...new Set([...playback.scales, playback.scale])].sort((a, b) => a - b);
      this.head = new Date(playback.time);
      if (playback.state !== "ended") this.state = playback.state;
      else this.ended(playback);
    },
    ended(playback) {
      const next = this.spans.find((span) => Date.parse(span.start) >= Date.parse(playback.end) - AT_START_MS);
      this.session = null;
      if (playback.ended_reason === "end of file" && next) return this.open(new Date(next.start), next);
      this.ending = playback.ended_reason === "end of file" ? this.t("playback.end") : this.t.of("ended", playback.ended_reason || "");
      this.state = "ended";
      return null;
    },
    async poll() {
      const { session } = this;
      if (!session || this.isBusy) return;
      try {
        const playback = await api.call("GET", playbackPath(session.playback_id));
        if (session === this.session && !this.isBusy) this.take(playback);
      } catch (problem) {
        if (session === this.session && problem.code === "unknown-playback") this.lost();
      }
    },
    // Pause, resume, seek and speed: one at a time, and what the device refuses is said.
    async command(name, body) {
      const { session } = this;
      if (!session || this.isBusy) return;
      this.isBusy = true;
      try {
        const playback = await api.call("POST", `${playbackPath(session.playback_id)}/${name}`, { body });
        if (session === this.session) this.take(playback);
      } catch (problem) {
        const { title, advice } = this.t.problem(problem);
        this.$emit("message", `${title} ${advice}`);
        if (problem.code === "unknown-playback" && session === this.session) this.lost();
      } finally {
        this.isBusy = false;
      }
    },
    async changeSpeed(scale) {
      const before = this.scale;
      this.scale = scale;
      await this.command("speed", { scale });
      if (this.scale === scale && !this.scales.includes(scale)) this.scale = before;
      this.poll();
    },
    togglePlay() {
      if (this.state === "playing") return this.command("pause");
      if (this.state === "paused") return this.command("resume");
      return this.playFrom(this.state === "ended" || !this.head ? new Date(this.spans[0].start) : this.head);
    },
    lost(reason) {
      const { session } = this;
      if (!session) return;
      // How it ended is known to the platform a moment later than to the socket.
      api.call("GET", playbackPath(session.playback_id)).then(
        (playback) => session === this.session && (playback.state === "ended" ? this.ended(playback) : this.failed({ code: "stream-lost", detail: reason })),
        () => session === this.session && this.failed({ code: "stream-lost", detail: reason }),
      );
    },
    undecodable({ video }) {
      this.release();
      this.codec = format.codec(video?.codec) || "?";
      this.state = "undecodable";
    },
    release() {
      this.opening = null;
      if (this.session) this.close(this.session.playback_id);
      this.session = null;
    },
    close(playbackId) {
      api.call("DELETE", playbackPath(playbackId), { keepalive: true }).catch(() => {});
    },
  },
};
