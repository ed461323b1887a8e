// Moving one camera: a pad that is held, zoom, focus and iris, and who has the camera.
import * as api from "tongshi/api.js";
import Home from "tongshi/home.js";
import { Joystick } from "tongshi/joystick.js";
import Panel from "tongshi/panel.js";
import Presets from "tongshi/presets.js";
import * as stored from "tongshi/stored.js";

const STATUS_MS = 2_000;
const TAKE_S = 30;
const FIXED_TYPES = [2, 3]; // PTZType of the catalogue: half dome, fixed bullet
const PAD = [
  ["up_left", "north_west", { pan: -1, tilt: 1 }],
  ["up", "north", { tilt: 1 }],
  ["up_right", "north_east", { pan: 1, tilt: 1 }],
  ["left", "west", { pan: -1 }],
  ["stop", "stop", null],
  ["right", "east", { pan: 1 }],
  ["down_left", "south_west", { pan: -1, tilt: -1 }],
  ["down", "south", { tilt: -1 }],
  ["down_right", "south_east", { pan: 1, tilt: -1 }],
].map(([name, icon, parts]) => ({ name, icon, parts }));
const LENS = [
  { name: "zoom", less: "zoom_out", more: "zoom_in" },
  { name: "focus", less: "center_focus_strong", more: "landscape" },
  { name: "iris", less: "brightness_low", more: "brightness_high" },
];
const KEYS = {
  ArrowUp: { tilt: 1 },
  ArrowDown: { tilt: -1 },
  ArrowLeft: { pan: -1 },
  ArrowRight: { pan: 1 },
  "+": { zoom: 1 },
  "=": { zoom: 1 },
  "-": { zoom: -1 },
};
// Where arrow keys have another meaning.
const OTHER_KEYS = "input, select, textarea, .ts-rows, [role=slider]";

export default {
  components: { panel: Panel, presets: Presets, home: Home },
  template: `
    <panel class="ts-ptz" icon="control_camera" :title="t('ptz.title')" :subtitle="name" :t="t" :data-holder="holderState" @close="$emit('close')">
      <p v-if="!channelKey" class="ts-panel-note">{{ t('ptz.choose') }}</p>
      <template v-else>
        <div class="ts-holder" :class="'is-' + holderState" role="status">
          <q-icon :name="holderIcon" size="18px"></q-icon>
          <span>{{ holderText }}</span>
          <button v-if="holderState === 'other'" class="ts-button" data-action="take-over" :disabled="isTaking" @click="takeOver">{{ t('ptz.take_over') }}</button>
          <button v-else-if="holderState === 'mine'" class="ts-button" data-action="give-back" @click="giveBack">{{ t('ptz.give_back') }}</button>
        </div>
        <p v-if="isFixed" class="ts-panel-note">{{ t('ptz.fixed') }}</p>
        <p v-if="problem" class="ts-alert" role="alert"><strong>{{ problem.title }}</strong><span>{{ problem.advice }}</span></p>
        <div class="ts-pad" role="group" :aria-label="t('ptz.pad')">
          <button v-for="way in pad" :key="way.name" class="ts-pad-key" :class="{ 'is-held': held === way.name, 'is-stop': !way.parts }"
            :data-move="way.name" :disabled="isBarred" :title="t('ptz.' + way.name)" :aria-label="t('ptz.' + way.name)"
            v-on="way.parts ? holding(way.name, way.parts) : { click: stop }"><q-icon :name="way.icon"></q-icon></button>
        </div>
        <label class="ts-speed"><span>{{ t('ptz.speed') }}</span>
          <input type="range" min="1" max="10" step="1" v-model.number="speed"><output>{{ speed }}</output></label>
        <div class="ts-lens">
          <div v-for="part in lens" :key="part.name" class="ts-rocker" role="group" :aria-label="t('ptz.' + part.name)">
            <button class="ts-pad-key" :class="{ 'is-held': held === part.name + '-' }" :data-move="part.name + '-'" :disabled="isBarred" :title="t('ptz.' + part.name + '_less')" :aria-label="t('ptz.' + part.name + '_less')"
              v-on="holding(part.name + '-', { [part.name]: -1 })"><q-icon :name="part.less"></q-icon></button>
            <span>{{ t('ptz.' + part.name) }}</span>
            <button class="ts-pad-key" :class="{ 'is-held': held === part.name + '+' }" :data-move="part.name + '+'" :disabled="isBarred" :title="t('ptz.' + part.name + '_more')" :aria-label="t('ptz.' + part.name + '_more')"
              v-on="holding(part.name + '+', { [part.name]: 1 })"><q-icon :name="part.more"></q-icon></button>
          </div>
        </div>
        <p class="ts-panel-hint">{{ t('ptz.keys') }}</p>
        <presets :channel-key="channelKey" :is-barred="isBarred" :t="t" @message="(text) => $emit('message', text)"></presets>
        <home v-if="maySetHome" :key="channelKey" :channel-key="channelKey" :t="t" @message="(text) => $emit('message', text)"></home>
      </template>
    </panel>`,
  props: { channelKey: String, maySetHome: Boolean, t: Function },
  emits: ["close", "message"],
  data() {
    return {
      channel: null,
      lock: null,
      isConnected: false,
      isTaking: false,
      problem: null,
      held: null,
      speed: stored.load("ptz-speed", 5),
      pad: PAD,
      lens: LENS,
    };
  },
  computed: {
    name() {
      return this.channelKey ? this.channel?.name || this.channelKey.split("~").pop() : "";
    },
    isFixed() {
      return FIXED_TYPES.includes(this.channel?.ptz_type);
    },
    holderState() {
      if (!this.isConnected) return "away";
      if (!this.lock) return "free";
      return this.lock.is_mine ? "mine" : "other";
    },
    holderText() {
      return this.t(`ptz.holder_${this.holderState}`, { name: this.lock?.holder || "", s: this.leftS });
    },
    holderIcon() {
      return { away: "link_off", free: "lock_open", mine: "person", other: "lock" }[this.holderState];
    },
    leftS() {
      return this.lock ? Math.max(0, Math.ceil((Date.parse(this.lock.expires_at) - this.now) / 1000)) : 0;
    },
    isBarred() {
      return this.holderState === "away" || this.holderState === "other";
    },
  },
  watch: {
    channelKey() {
      this.connect();
    },
    speed(speed) {
      stored.save("ptz-speed", speed);
    },
  },
  created() {
    this.now = Date.now();
    this.keys = new Set();
  },
  mounted() {
    window.addEventListener("keydown", this.keyDown);
    window.addEventListener("keyup", this.keyUp);
    window.addEventListener("blur", this.letGo);
    document.addEventListener("visibilitychange", this.letGo);
    this.timer = setInterval(() => document.hidden || this.refresh(), STATUS_MS);
    this.connect();
  },
  beforeUnmount() {
    window.removeEventListener("keydown", this.keyDown);
    window.removeEventListener("keyup", this.keyUp);
    window.removeEventListener("blur", this.letGo);
    document.removeEventListener("visibilitychange", this.letGo);
    clearInterval(this.timer);
    this.joystick?.close();
  },
  methods: {
    connect() {
      this.joystick?.close();
      this.joystick = null;
      this.keys.clear();
      Object.assign(this, { channel: null, lock: null, isConnected: false, problem: null, held: null });
      if (!this.channelKey) return;
      this.joystick = new Joystick(this.channelKey, {
        onConnected: (isConnected) => {
          this.isConnected = isConnected;
          if (!isConnected) this.held = null;
        },
        onMessage: (message) => this.heard(message),
      });
      const key = this.channelKey;
      api.channel(key).then((channel) => key === this.channelKey && (this.channel = channel), () => {});
    },
    heard(message) {
      if (message.type === "status") this.taken(message.status);
      else if (message.type === "problem") this.failed(message.problem);
      else if (message.type === "control_lost") {
        this.letGo();
        this.problem = { title: this.t("ptz.lost", { name: message.by || "" }), advice: "" };
        this.refresh();
      } else if (message.type === "ended" && (message.reason === "offline" || message.reason === "failed")) {
        this.letGo();
        this.problem = { title: this.t(`ptz.ended_${message.reason}`), advice: "" };
      }
    },
    failed(problem) {
      this.letGo();
      this.problem = this.t.problem(problem);
      this.refresh();
    },
    async refresh() {
      const key = this.channelKey;
      if (!key) return;
      const status = await api.call("GET", `${api.channelPath(key)}/ptz`).catch(() => null);
      if (status && key === this.channelKey) this.taken(status);
    },
    taken(status) {
      this.now = Date.now();
      this.lock = status.lock || null;
    },
    // Listeners of a button that moves the camera for as long as it is pressed.
    holding(name, parts) {
      return {
        pointerdown: (event) => {
          if (event.button !== 0) return;
          event.currentTarget.setPointerCapture(event.pointerId);
          this.hold(name, parts);
        },
        pointerup: () => this.letGo(),
        pointercancel: () => this.letGo(),
        lostpointercapture: () => this.letGo(),
        contextmenu: (event) => event.preventDefault(),
        keydown: (event) => {
          if ((event.key !== " " && event.key !== "Enter") || event.repeat) return;
          event.preventDefault();
          this.hold(name, parts);
        },
        keyup: (event) => (event.key === " " || event.key === "Enter") && this.letGo(),
        blur: () => this.letGo(),
      };
    },
    hold(name, parts) {
      if (this.isBarred) return;
      this.problem = null;
      this.held = name;
      this.joystick.hold(Object.fromEntries(Object.entries(parts).map(([axis, sign]) => [axis, (sign * this.speed) / 10])));
    },
    letGo() {
      this.keys.clear();
      if (!this.held) return;
      this.held = null;
      this.joystick?.hold({});
    },
    async stop() {
      this.letGo();
      this.problem = null;
      await api.call("POST", `${api.channelPath(this.channelKey)}/ptz/stop`).catch((problem) => this.failed(problem));
    },
    keyDown(event) {
      if (!(event.key in KEYS) || event.target.closest?.(OTHER_KEYS) || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      if (event.repeat || this.isBarred) return;
      this.keys.add(event.key);
      this.holdKeys();
    },
    keyUp(event) {
      if (!this.keys.delete(event.key)) return;
      if (this.keys.size) this.holdKeys();
      else this.letGo();
    },
    holdKeys() {
      const parts = Object.assign({}, ...[...this.keys].map((key) => KEYS[key]));
      const same = (way) => way.parts && JSON.stringify(Object.entries(way.parts).sort()) === JSON.stringify(Object.entries(parts).sort());
      this.hold(PAD.find(same)?.name || ("zoom" in parts ? (parts.zoom > 0 ? "zoom+" : "zoom-") : "keys"), parts);
    },
    async takeOver() {
      this.isTaking = true;
      this.problem = null;
      try {
        this.taken(await api.call("PUT", `${api.channelPath(this.channelKey)}/ptz/lock`, { body: { for_s: TAKE_S } }));
      } catch (problem) {
        this.problem = problem.code === "control-held" ? { title: this.t("ptz.refused", { name: this.lock?.holder || "" }), advice: this.t("ptz.refused_advice") } : this.t.problem(problem);
      } finally {
        this.isTaking = false;
      }
    },
    async giveBack() {
      this.letGo();
      await api.call("DELETE", `${api.channelPath(this.channelKey)}/ptz/lock`).catch((problem) => this.failed(problem));
      this.refresh();
    },
  },
};
