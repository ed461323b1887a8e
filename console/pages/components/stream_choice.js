// Which stream a tile shows, and the choice of it.
const CHOICES = ["auto", "main", "sub"];

export default {
  template: `
    <span class="ts-stream" @focusout="left" @keydown.esc.stop="isOpen = false">
      <button class="ts-chip" data-action="stream" aria-haspopup="menu" :aria-expanded="String(isOpen)" :title="title" @click.stop="isOpen = !isOpen">
        <span v-if="isSwitching" class="ts-spinner is-tiny"></span><q-icon v-else-if="choice !== 'auto'" name="push_pin" size="12px"></q-icon>{{ t('stream.' + stream) }}</button>
      <ul v-if="isOpen" class="ts-menu" role="menu" :aria-label="t('stream.choose')">
        <li v-for="each in choices" :key="each" role="none"><button role="menuitemradio" :data-choice="each" :aria-checked="String(choice === each)" @click.stop="chosen(each)">
          <q-icon :name="choice === each ? 'radio_button_checked' : 'radio_button_unchecked'" size="16px"></q-icon>
          <span>{{ t('stream_choice.' + each) }}<small v-if="each === 'auto'">{{ t('stream.auto_means') }}</small><small v-else-if="each === 'sub' && !hasSub">{{ t('stream.no_sub') }}</small></span></button></li>
      </ul>
    </span>`,
  props: { stream: String, choice: String, hasSub: Boolean, isSwitching: Boolean, t: Function },
  emits: ["choose"],
  data() {
    return { isOpen: false, choices: CHOICES };
  },
  computed: {
    title() {
      const name = this.t(`stream.${this.stream}`);
      if (this.stream === "main" && !this.hasSub && this.choice !== "main") return this.t("stream.fallen_back", { name });
      return this.t(this.choice === "auto" ? "stream.by_itself" : "stream.by_hand", { name });
    },
  },
  methods: {
    left(event) {
      if (!this.$el.contains(event.relatedTarget)) this.isOpen = false;
    },
    chosen(choice) {
      this.isOpen = false;
      this.$emit("choose", choice);
    },
  },
};
