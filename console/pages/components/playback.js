// Playback of what was recorded: a day, its bar, and a picture that goes on from segment to segment.
import * as api from "tongshi/api.js";
import * as format from "tongshi/format.js";
import PlaybackHead from "tongshi/playback_head.js";
import Timeline from "tongshi/timeline.js";

const REFRESH_MS = 10_000;
const ENOUGH_MS = 3_000; // what must be there before it is worth going on
const SPEEDS = [0.5, 1, 2, 4, 8];

const isBeingWritten = (segment) => segment.complete === false;
const hasMore = (segment, fromMs) => Date.parse(segment.end) - fromMs > ENOUGH_MS;

export default {
  components: { "playback-head": PlaybackHead, timeline: Timeline },
  template: `
    <section class="ts-playback" :aria-label="t('playback.name')" :data-state="state" :data-segment="current ? current.segment_id : ''">
      <playback-head :title="channel ? channel.name : ''" :has-channel="Boolean(channelKey)" source="platform" :may-ask-device="mayAskDevice" :date="date" :t="t"
        @date="(date) => $emit('date', date)" @source="(source) => $emit('source', source)"></playback-head>
      <div v-if="!channelKey" class="ts-empty"><q-icon name="history" size="32px"></q-icon><p>{{ t('playback.choose') }}</p></div>
      <template v-else>
        <div class="ts-picture">
          <video ref="first" v-show="active === 0" class="ts-video" playsinline :muted.prop="muted" preload="auto"></video>
          <video ref="second" v-show="active === 1" class="ts-video" playsinline :muted.prop="muted" preload="auto"></video>
          <div v-if="state === 'loading'" class="ts-notice" role="status"><span class="ts-spinner"></span><p>{{ t('playback.loading') }}</p></div>
          <div v-else-if="state === 'none'" class="ts-notice" role="status"><q-icon name="event_busy" size="32px"></q-icon>
            <p class="ts-notice-title">{{ t('playback.none', { date }) }}</p><p class="ts-notice-advice">{{ t('playback.none_advice') }}</p></div>
          <div v-else-if="state === 'ready'" class="ts-notice" role="status"><button class="ts-button is-large" @click="playFrom(firstTime)">
            <q-icon name="play_arrow"></q-icon> {{ t('playback.play_from', { time: clock(firstTime) }) }}</button></div>
          <div v-else-if="state === 'failed'" class="ts-notice" role="alert"><q-icon name="error_outline" size="32px"></q-icon>
            <p class="ts-notice-title">{{ problem.title }}</p><p class="ts-notice-advice">{{ problem.advice }}</p>
            <button class="ts-button" @click="load">{{ t('tile.retry') }}</button></div>
          <div v-else-if="state === 'undecodable'" class="ts-notice" role="status"><q-icon name="tv_off" size="32px"></q-icon>
            <p class="ts-notice-title">{{ t('undecodable.title', { codec: codec(current.video_codec) }) }}</p>
            <p class="ts-notice-advice">{{ t('undecodable.saved', { codec: codec(current.video_codec) }) }}</p></div>
          <div v-else-if="state === 'end'" class="ts-notice is-over-picture" role="status"><p class="ts-notice-title">{{ t('playback.end') }}</p>
            <p v-if="date === today" class="ts-notice-advice">{{ t('playback.end_today') }}</p></div>
        </div>
        <div class="ts-playback-controls">
          <button class="ts-icon" data-action="play" :disabled="!segments.length" :title="t(isPlaying ? 'playback.pause' : 'playback.play')"
            :aria-label="t(isPlaying ? 'playback.pause' : 'playback.play')" @click="togglePlay"><q-icon :name="isPlaying ? 'pause' : 'play_arrow'"></q-icon></button>
          <span class="ts-time">{{ head ? clock(head) : '--:--:--' }}</span>
          <select class="ts-input" v-model.number="speed" :aria-label="t('playback.speed')"><option v-for="s in speeds" :key="s" :value="s">{{ s }}×</option></select>
          <button class="ts-icon" :title="t(muted ? 'tile.unmute' : 'tile.mute')" :aria-label="t(muted ? 'tile.unmute' : 'tile.mute')" @click="muted = !muted">
            <q-icon :name="muted ? 'volume_off' : 'volume_up'"></q-icon></button>
          <span class="ts-dim">{{ summary }}</span>
          <span class="ts-spacer"></span>
          <a v-if="current" class="ts-button" :href="segmentUrl(current.segment_id)" :download="downloadName">{{ t('playback.save') }}</a>
        </div>
        <timeline :segments="segments" :from="from" :until="until" :head="head" :t="t" @seek="playFrom"></timeline>
      </template>
    </section>`,
  props: { channelKey: String, date: String, mayAskDevice: Boolean, t: Function },
  emits: ["date", "source", "message"],
  data() {
    return {
      channel: null,
      segments: [],
      state: "loading",
      problem: null,
      current: null,
      head: null,
      active: 0,
      isPlaying: false,
      muted: true,
      speed: 1,
      speeds: SPEEDS,
    };
  },
  computed: {
    today() {
      return format.day(new Date());
    },
    from() {
      return format.midnight(this.date);
    },
    until() {
      return format.nextMidnight(this.from);
    },
    firstTime() {
      return this.segments.length ? new Date(Math.max(Date.parse(this.segments[0].start), this.from)) : null;
    },
    summary() {
      if (!this.segments.length) return "";
      const seconds = this.segments.reduce((sum, s) => sum + (Date.parse(s.end) - Date.parse(s.start)) / 1000, 0);
      const size = this.segments.reduce((sum, s) => sum + s.size_bytes, 0);
      return this.t("playback.summary", {
        hours: `${Math.floor(seconds / 3600)}:${String(Math.floor(seconds / 60) % 60).padStart(2, "0")}:${String(Math.floor(seconds) % 60).padStart(2, "0")}`,
        size: format.bytes(size),
      });
    },
    downloadName() {
      const start = new Date(this.current.start);
      return `${(this.channel?.name || "").replace(/[\\/:*?"<>|]/g, "_")}_${format.day(start)}_${format.clock(start).replaceAll(":", "")}.mp4`;
    },
  },
  watch: {
    channelKey() {
      this.load();
    },
    date() {
      this.load();
    },
    speed(speed) {
      for (const video of this.videos()) video.playbackRate = speed;
    },
  },
  mounted() {
    this.timer = setInterval(() => document.hidden || this.refresh(), REFRESH_MS);
    this.load();
  },
  beforeUnmount() {
    clearInterval(this.timer);
    this.stop();
  },
  methods: {
    clock: format.clock,
    codec: format.codec,
    segmentUrl: api.segmentUrl,
    videos() {
      return [this.$refs.first, this.$refs.second].filter(Boolean);
    },
    async load() {
      this.stop();
      Object.assign(this, { segments: [], current: null, head: null, channel: null });
      if (!this.channelKey) return;
      this.state = "loading";
      const loading = (this.loading = Symbol("loading"));
      try {
        const [channel, segments] = await Promise.all([api.channel(this.channelKey), this.list()]);
        if (loading !== this.loading) return;
        this.channel = channel;
        this.segments = segments;
        this.state = segments.length ? "ready" : "none";
      } catch (problem) {
        if (loading !== this.loading) return;
        this.problem = this.t.problem(problem);
        this.state = "failed";
      }
    },
    list() {
      return api.recordings(this.channelKey, this.from, this.until);
    },
    async refresh() {
      if (!this.channelKey || this.date !== this.today || this.state === "loading" || this.state === "failed") return;
      const loading = this.loading;
      const segments = await this.list().catch(() => null);
      if (!segments || loading !== this.loading) return;
      this.segments = segments;
      if (this.state === "none" && segments.length) this.state = "ready";
      if (this.state === "end") this.goOn();
    },
    // Play what was recorded at that time, or the first thing after it.
    playFrom(time) {
      const ms = time.getTime();
      const segment = this.segments.find((s) => Date.parse(s.end) > ms);
      if (!segment) {
        this.$emit("message", this.t("playback.nothing_after", { time: format.clock(time) }));
        return;
      }
      this.play(segment, Math.max(0, (ms - Date.parse(segment.start)) / 1000));
    },
    play(segment, offsetS) {
      const isSame = this.current?.segment_id === segment.segment_id && this.state === "playing";
      const video = this.videos()[this.active];
      if (!isSame) this.prepare(video, segment);
      this.start(video, segment, offsetS);
    },
    prepare(video, segment) {
      video.dataset.segment = segment.segment_id;
      video.src = `${api.segmentUrl(segment.segment_id)}?bytes=${segment.size_bytes}`;
    },
    start(video, segment, offsetS) {
      this.current = segment;
      this.state = "playing";
      this.hasPrepared = false;
      const listen = (name, handler) => (video[name] = (event) => video === this.videos()[this.active] && handler(event));
      listen("ontimeupdate", () => this.timeUpdated(video));
      listen("onended", () => this.segmentEnded());
      listen("onplay", () => (this.isPlaying = true));
      listen("onpause", () => (this.isPlaying = false));
      listen("onerror", () => this.failed(video));
      video.onloadedmetadata = () => (video.playbackRate = this.speed);
      if (offsetS > 0 || video.currentTime > 0) video.currentTime = offsetS;
      video.playbackRate = this.speed;
      video.play().catch(() => {});
    },
    timeUpdated(video) {
      if (!this.current) return;
      this.head = new Date(Date.parse(this.current.start) + video.currentTime * 1000);
      const left = video.duration - video.currentTime;
      if (!this.hasPrepared && left < 8 * this.speed) this.prepareNext();
    },
    next() {
      const at = this.segments.findIndex((s) => s.segment_id === this.current.segment_id);
      return this.segments[at + 1] || null;
    },
    // A file that is being written is opened as late as can be: it plays what it had when it was opened.
    prepareNext() {
      const next = this.next();
      if (!next || isBeingWritten(next)) return;
      this.hasPrepared = true;
      this.prepare(this.videos()[1 - this.active], next);
    },
    async segmentEnded() {
      this.playedUntil = Date.parse(this.current.start) + this.videos()[this.active].currentTime * 1000;
      await this.refresh();
      if (this.current && this.state === "playing" && !this.goOn()) this.state = "end";
    },
    // The next segment, or what was added to this one since it was opened.
    goOn() {
      const next = this.next();
      if (next) {
        const isReady = !isBeingWritten(next) || hasMore(next, Date.parse(next.start));
        return isReady && this.goOnWith(next, 0, 1 - this.active);
      }
      const current = this.segments.find((s) => s.segment_id === this.current.segment_id);
      if (!current || !hasMore(current, this.playedUntil)) return false;
      return this.goOnWith(current, (this.playedUntil - Date.parse(current.start)) / 1000, this.active);
    },
    goOnWith(segment, offsetS, active) {
      const video = this.videos()[active];
      if (video.dataset.segment !== segment.segment_id || isBeingWritten(segment) || active === this.active) {
        this.prepare(video, segment);
      }
      this.active = active;
      this.start(video, segment, offsetS);
      return true;
    },
    failed(video) {
      const code = video.error?.code;
      this.isPlaying = false;
      if (isBeingWritten(this.current)) {
        this.playedUntil = Date.parse(this.current.start);
        this.state = "end"; // there was nothing to play in it yet
        return;
      }
      if (code === MediaError.MEDIA_ERR_SRC_NOT_SUPPORTED || code === MediaError.MEDIA_ERR_DECODE) {
        this.state = "undecodable";
        return;
      }
      this.problem = this.t.problem({ code: "stream-lost", detail: video.error?.message });
      this.state = "failed";
    },
    togglePlay() {
      const video = this.videos()[this.active];
      if (this.state !== "playing") this.playFrom(this.head || this.firstTime);
      else if (video.paused) video.play().catch(() => {});
      else video.pause();
    },
    stop() {
      this.isPlaying = false;
      for (const video of this.videos()) {
        video.onerror = video.onended = video.onpause = null;
        video.pause();
        video.removeAttribute("src");
        delete video.dataset.segment;
        video.load();
      }
    },
  },
};
