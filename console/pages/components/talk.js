// Speaking to a camera from its tile: hold to talk, with a level meter; the device's own sound comes back if it can.
import { Voice } from "tongshi/voice.js";

const METER_MS = 80;

export default {
  template: `
    <div class="ts-talk" role="group" :aria-label="t('talk.title')" :data-state="state" @click.stop>
      <template v-if="state === 'failed'">
        <p role="alert"><strong>{{ words.title }}</strong> <span>{{ words.advice }}</span></p>
        <button class="ts-button is-small" data-action="talk-again" @click="open">{{ t('tile.retry') }}</button>
      </template>
      <template v-else>
        <button class="ts-talk-key" data-action="talk-hold" :class="{ 'is-held': isSpeaking }" :disabled="state !== 'ready'" :aria-pressed="String(isSpeaking)"
          @pointerdown="pressed" @pointerup="speak(false)" @pointercancel="speak(false)" @lostpointercapture="speak(false)" @contextmenu.prevent
          @keydown.space.prevent="speak(true)" @keyup.space="speak(false)" @blur="speak(false)">
          <q-icon name="mic"></q-icon>{{ t(state === 'ready' ? (isSpeaking ? 'talk.speaking' : 'talk.hold') : 'talk.' + state) }}</button>
        <meter class="ts-level" min="0" max="1" :value="level" :aria-label="t('talk.level')"></meter>
      </template>
      <button class="ts-icon is-small" data-action="talk-end" :title="t('talk.end')" :aria-label="t('talk.end')" @click="$emit('close')"><q-icon name="close"></q-icon></button>
    </div>`,
  props: { channelKey: String, t: Function },
  emits: ["close"],
  data() {
    return { state: "microphone", problem: null, isSpeaking: false, level: 0 };
  },
  computed: {
    words() {
      return this.t.problem(this.problem);
    },
  },
  mounted() {
    this.timer = setInterval(() => (this.level = this.isSpeaking ? this.voice.level() : 0), METER_MS);
    window.addEventListener("pagehide", this.hangUp);
    this.open();
  },
  beforeUnmount() {
    clearInterval(this.timer);
    window.removeEventListener("pagehide", this.hangUp);
    this.hangUp();
  },
  methods: {
    open() {
      this.hangUp();
      this.problem = null;
      this.voice = new Voice(this.channelKey, {
        onState: (state) => (this.state = state),
        onEnded: (problem) => {
          this.isSpeaking = false;
          this.problem = problem;
          this.state = "failed";
        },
      });
      this.voice.open();
    },
    hangUp() {
      this.isSpeaking = false;
      this.voice?.close();
    },
    pressed(event) {
      if (event.button !== 0) return;
      event.currentTarget.setPointerCapture(event.pointerId);
      this.speak(true);
    },
    speak(isSpeaking) {
      if (this.state !== "ready" || isSpeaking === this.isSpeaking) return;
      this.isSpeaking = isSpeaking;
      this.voice.speak(isSpeaking);
    },
  },
};
