// One place of the wall: opens the live picture of a channel and keeps it open.
import * as api from "tongshi/api.js";
import * as format from "tongshi/format.js";
import { Picture, stillOf, TAKEN } from "tongshi/picture.js";
import Player from "tongshi/player.js";
import StreamChoice from "tongshi/stream_choice.js";
import * as streams from "tongshi/streams.js";
import Talk from "tongshi/talk.js";

const RETRY_S = [1, 2, 5, 10, 20, 30];
const SLOT_RETRY_S = 60;
const SWITCH_RETRY_MS = 30_000;
const SETTLE_MS = 250; // a size is often changed twice in a row
const BUSY_HERE = 486; // SIP: the device sends as many streams as it can
const REFRESH_MS = 3_000;
const DRAG_TYPE = "application/x-tongshi-channel";
const NEVER_AGAIN = ["forbidden", "unknown-channel", "not-a-camera"];

export default {
  components: { player: Player, "stream-choice": StreamChoice, talk: Talk },
  template: `
    <section class="ts-tile" :class="{ 'is-selected': selected, 'is-over': isOver, 'is-enlarged': isEnlarged }" tabindex="0"
        :data-channel="channelKey || ''" :data-state="state" :data-stream="shown ? shown.stream : ''" :data-transcoded="String(Boolean(transcodedFrom))" :aria-label="name || t('tile.empty', { n: index + 1 })"
        @click="$emit('select')" @focus="$emit('select')" @keydown.enter.self="isSingle || $emit('enlarge')"
        @dragover.prevent="isOver = true" @dragleave="isOver = false" @drop.prevent="dropped">
      <header class="ts-tile-head">
        <template v-if="channelKey">
          <span class="ts-dot" :class="dotClass" :title="stateText"></span>
          <span class="ts-tile-name" :title="name + '  ' + channelKey">{{ name }}</span>
          <span v-if="isRecording" class="ts-rec" :title="t('tile.recording')">{{ t('tile.rec') }}</span>
          <span v-if="transcodedFrom" class="ts-chip is-plain" :title="t('tile.transcoded_title', { codec: transcodedFrom })">{{ t('tile.transcoded') }}</span>
          <stream-choice v-if="shown" :stream="shown.stream" :choice="choice" :has-sub="hasSub" :is-switching="Boolean(coming)" :t="t" @choose="chooseStream"></stream-choice>
          <button v-if="!isSingle" class="ts-icon is-small" data-action="enlarge" :aria-pressed="String(isEnlarged)" :title="t(isEnlarged ? 'tile.shrink' : 'tile.enlarge')"
              :aria-label="t(isEnlarged ? 'tile.shrink' : 'tile.enlarge')" @click.stop="$emit('enlarge')"><q-icon :name="isEnlarged ? 'close_fullscreen' : 'open_in_full'"></q-icon></button>
        </template>
        <span v-else class="ts-dim">{{ t('tile.number', { n: index + 1 }) }}</span>
      </header>
      <div class="ts-picture" @dblclick="enlargeByPicture">
        <img v-if="frozen" class="ts-video" :src="frozen" alt="">
        <player v-for="picture in playable" :key="picture.id" :class="{ 'is-shown': picture === shown }" :url="picture.url" :muted="muted || picture !== shown"
            @stream="(message) => picture.changed(message)" @playing="playing(picture)" @stalled="stalled(picture)"
            @lost="(reason) => lost(picture, reason)" @undecodable="(what) => undecodable(picture, what)"></player>
        <div v-if="!channelKey" class="ts-notice">
          <q-icon name="videocam" size="28px"></q-icon>
          <p>{{ t('tile.hint') }}</p>
        </div>
        <div v-else-if="state === 'opening' || state === 'connecting'" class="ts-notice" :class="{ 'is-over-picture': frozen }" role="status">
          <span class="ts-spinner"></span>
          <p>{{ stateText }}</p>
        </div>
        <div v-else-if="state === 'stalled'" class="ts-notice is-over-picture" role="status">
          <span class="ts-spinner"></span>
          <p>{{ t('state.stalled') }}</p>
        </div>
        <div v-else-if="state === 'failed' || state === 'waiting'" class="ts-notice" role="alert" :title="problemAdvice">
          <q-icon name="videocam_off" size="28px"></q-icon>
          <p class="ts-notice-title">{{ problemTitle }}</p>
          <p class="ts-notice-advice">{{ problemAdvice }}</p>
          <p v-if="problem && problem.code" class="ts-notice-code">{{ problemCode }}</p>
          <p class="ts-links"><button class="ts-button" data-action="retry" @click.stop="retryNow">{{ retryLabel }}</button>
            <button v-if="may('device.diagnose')" class="ts-button" data-action="why" @click.stop="$emit('why')"><q-icon name="troubleshoot"></q-icon>{{ t('tile.why') }}</button></p>
        </div>
        <template v-else-if="state === 'undecodable'">
          <img v-if="stillUrl" class="ts-video" :src="stillUrl" :alt="t('undecodable.still_of', { name })" @error="stillFailed">
          <div v-else class="ts-notice" role="status" :title="undecodableAdvice">
            <q-icon name="tv_off" size="28px"></q-icon>
            <p class="ts-notice-title">{{ undecodableTitle }}</p>
            <p class="ts-notice-advice">{{ undecodableAdvice }}</p>
            <p class="ts-links"><button class="ts-button" data-action="still" @click.stop="showStill">{{ t('undecodable.still') }}</button>
              <button class="ts-button" data-action="retry" @click.stop="retryNow">{{ t('tile.retry') }}</button></p>
          </div>
          <p v-if="stillUrl" class="ts-caption"><span class="ts-caption-text">{{ undecodableTitle }} · {{ t('undecodable.still_at', { time: stillTime }) }}</span>
            <button class="ts-button is-small" data-action="still" @click.stop="showStill">{{ t('undecodable.again') }}</button>
            <button v-if="isSlotMissing" class="ts-button is-small" data-action="retry" @click.stop="retryNow">{{ t('tile.retry') }}</button></p>
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
          <button class="ts-icon" data-action="details" :class="{ 'is-on': isDetailed }" :aria-pressed="String(isDetailed)"
              :title="t('tile.details')" :aria-label="t('tile.details')" @click.stop="$emit('details')"><q-icon name="insights"></q-icon></button>
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
  props: {
    index: Number,
    channelKey: String,
    selected: Boolean,
    isMoved: Boolean,
    isDetailed: Boolean,
    isSingle: Boolean,
    isEnlarged: Boolean,
    may: Function,
    t: Function,
  },
  emits: ["select", "close", "playback", "place", "enlarge", "ptz", "details", "why", "message"],
  data() {
    return {
      state: "empty",
      problem: null,
      shown: null, // the Picture that is seen
      coming: null, // the one that is opened, or takes its place
      frozen: null,
      choice: this.channelKey ? streams.choiceOf(this.channelKey) : "auto",
      hasSub: !this.channelKey || streams.hasSub(this.channelKey),
      channel: null,
      muted: true,
      isOver: false,
      isSettingRecording: false,
      isTalking: false,
      failures: 0,
      waitS: 0,
      undecodableCodec: "",
      isSlotMissing: false,
      stillUrl: null,
      stillTime: "",
    };
  },
  computed: {
    name() {
      return this.channel?.name || (this.channelKey || "").split("~").pop();
    },
    playable() {
      return [this.coming, this.shown].filter((picture) => picture?.url);
    },
    wantedStream() {
      if (this.choice !== "auto") return this.choice;
      return this.isSingle || this.isEnlarged || !this.hasSub ? "main" : "sub";
    },
    hasAudio() {
      return Boolean(this.shown?.hasAudio);
    },
    transcodedFrom() {
      return format.codec(this.shown?.transcodedFrom);
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
      const video = (this.shown || this.coming)?.video;
      if (!video) return "";
      const s = this.shown?.statistics || {};
      const codec = format.codec(video.codec);
      const parts = [this.transcodedFrom ? `${this.transcodedFrom} → ${codec}` : codec, `${video.width}×${video.height}`];
      if (s.bitrate_kbps != null) parts.push(format.bitrate(s.bitrate_kbps));
      if (s.packet_loss_ratio != null) parts.push(this.t("tile.loss", { loss: format.percent(s.packet_loss_ratio) }));
      if (s.fps != null) parts.push(`${Number(s.fps).toFixed(0)} fps`);
      return parts.join(" · ");
    },
    undecodableTitle() {
      return this.t(this.isSlotMissing ? "undecodable.no_slot" : "undecodable.title", { codec: this.undecodableCodec });
    },
    undecodableAdvice() {
      return this.t(this.isSlotMissing ? "undecodable.no_slot_advice" : "undecodable.advice", { codec: this.undecodableCodec });
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
    wantedStream() {
      clearTimeout(this.settling);
      this.settling = setTimeout(() => this.arrange(), SETTLE_MS);
    },
  },
  mounted() {
    this.timer = setInterval(() => this.refresh(), REFRESH_MS);
    this.clock = setInterval(() => this.countDown(), 1_000);
    window.addEventListener("pagehide", this.release);
    if (this.channelKey) this.open();
  },
  beforeUnmount() {
    window.removeEventListener("pagehide", this.release);
    clearInterval(this.timer);
    clearInterval(this.clock);
    clearTimeout(this.settling);
    this.release();
  },
  methods: {
    // What is seen stays until the picture that takes its place is there.
    async open(codec = TAKEN) {
      this.coming?.close();
      if (!this.shown && !this.frozen && this.state !== "undecodable") this.state = "opening";
      this.waitS = 0;
      this.refreshChannel();
      this.coming = new Picture(this.channelKey, this.wantedStream, codec);
      const picture = this.coming;
      try {
        await picture.open();
      } catch (problem) {
        if (picture === this.coming) this.openingFailed(problem);
        return;
      }
      if (picture !== this.coming) return;
      this.noteSub(picture);
      if (this.state === "opening") this.state = "connecting";
    },
    noteSub({ asked, stream }) {
      if (asked !== "sub") return;
      this.hasSub = stream === "sub";
      streams.noteSub(this.channelKey, this.hasSub);
      if (!this.hasSub && this.choice === "sub") this.$emit("message", this.t("stream.none_here", { name: this.name }));
    },
    arrange() {
      const wanted = this.wantedStream;
      if (this.coming?.fits(wanted) || !(this.coming || this.shown)) return;
      this.coming?.close();
      this.coming = null;
      if (!this.shown?.fits(wanted)) this.open();
    },
    chooseStream(choice) {
      this.choice = choice;
      streams.choose(this.channelKey, choice);
    },
    release() {
      this.coming?.close();
      this.shown?.close();
      this.coming = this.shown = this.frozen = null;
    },
    playing(picture) {
      if (picture === this.coming) {
        this.shown?.close();
        this.shown = picture;
        this.coming = this.frozen = this.stillUrl = null;
      }
      if (picture !== this.shown) return;
      if (picture.fits(this.wantedStream)) this.triedFor = "";
      this.state = "playing";
      this.failures = 0;
    },
    stalled(picture) {
      if (picture === this.shown) this.state = "stalled";
    },
    lost(picture, reason) {
      const problem = { code: "stream-lost", detail: reason, title: "" };
      if (picture === this.coming) this.openingFailed(problem);
      else if (picture === this.shown && this.coming) {
        picture.close();
        this.shown = null;
        this.state = this.coming.url ? "connecting" : "opening";
      } else if (picture === this.shown) this.failed(problem);
    },
    openingFailed(problem) {
      this.coming?.close();
      this.coming = null;
      const isSlotMissing = problem.code === "no-slot-free";
      const isOneTooMany = (isSlotMissing && this.transcodedFrom) || problem.sipCode === BUSY_HERE;
      if (this.shown && isOneTooMany) this.reopen();
      else if (this.shown) this.notSwitched(problem);
      else if (isSlotMissing || (problem.code === "not-playable" && TAKEN === "h264")) this.cannotDecode("H265", isSlotMissing);
      else this.failed(problem);
    },
    notSwitched(problem) {
      this.triedAt = Date.now();
      if (this.triedFor === this.wantedStream) return; // said once
      this.triedFor = this.wantedStream;
      const stream = this.t(`stream.${this.wantedStream}`);
      this.$emit("message", this.t("stream.not_switched", { name: this.name, stream, why: this.t.problem(problem).title }));
    },
    // Two streams cannot be had for one tile: its last picture stands until the other one is there.
    async reopen() {
      const old = this.shown;
      this.frozen = stillOf(this.$el.querySelector("video.is-shown"));
      this.shown = null;
      this.state = "connecting";
      await old.close();
      if (this.state === "connecting" && !this.coming) this.open(old.codec);
    },
    failed(problem) {
      this.release();
      this.problem = problem;
      const isFinal = NEVER_AGAIN.includes(problem.code);
      this.state = isFinal ? "failed" : "waiting";
      this.waitS = isFinal ? 0 : Math.max(RETRY_S[Math.min(this.failures, RETRY_S.length - 1)], problem.retryAfterS || 0);
      this.failures += 1;
    },
    // The browser took the stream for one that it can show, or the camera changed its codec.
    undecodable(picture, { video }) {
      const { codec } = video || picture.video || {};
      if (picture === this.shown) {
        this.coming?.close();
        this.coming = this.shown = null;
      }
      picture.close();
      if (picture.codec === "any") this.open("h264");
      else this.cannotDecode(codec, false);
    },
    cannotDecode(codec, isSlotMissing) {
      this.release();
      this.undecodableCodec = format.codec(codec) || "?";
      this.isSlotMissing = isSlotMissing;
      this.waitS = isSlotMissing ? SLOT_RETRY_S : 0;
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
      this.state = "opening";
      this.open();
    },
    countDown() {
      const isWaiting = this.state === "waiting" || (this.state === "undecodable" && this.isSlotMissing);
      if (!isWaiting || this.coming || document.hidden) return;
      this.waitS -= 1;
      if (this.waitS <= 0) this.open();
    },
    enlargeByPicture(event) {
      if (this.channelKey && !this.isSingle && !event.target.closest("button, a")) this.$emit("enlarge");
    },
    async refresh() {
      if (!this.channelKey || document.hidden) return;
      this.refreshChannel();
      this.shown?.refresh();
      if (this.shown && !this.coming && Date.now() - this.triedAt > SWITCH_RETRY_MS) this.arrange();
    },
    async refreshChannel() {
      const channel = await api.channel(this.channelKey).catch(() => null);
      if (channel && !this.isSettingRecording) this.channel = channel;
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
