// Sources that do not speak GB/T 28181: which there are, how they stand, and the ways to add one.
import * as api from "tongshi/api.js";
import * as format from "tongshi/format.js";
import SourceForm from "tongshi/source_form.js";
import SourceSearch from "tongshi/source_search.js";

const REFRESH_MS = 3_000;
const TONES = { streaming: "is-busy", idle: "is-good", failed: "is-bad", connecting: "is-warn", waiting: "is-off", disabled: "is-off", unknown: "is-off" };

export default {
  components: { "source-form": SourceForm, "source-search": SourceSearch },
  template: `
    <section class="ts-sources" :aria-label="t('sources.title')">
      <header class="ts-playback-head">
        <h2>{{ t('sources.title') }}</h2>
        <span v-if="items" class="ts-dim">{{ t('sources.count', { n: items.length, online: onlineCount }) }}</span>
        <span class="ts-spacer"></span>
        <button class="ts-button" data-action="search-onvif" @click="isSearching = true"><q-icon name="travel_explore"></q-icon>{{ t('sources.search') }}</button>
        <button class="ts-button" data-action="add-source" @click="open({})"><q-icon name="add"></q-icon>{{ t('sources.add') }}</button>
      </header>
      <div v-if="failure" class="ts-alert" role="alert"><strong>{{ failure.title }}</strong><span>{{ failure.advice }}</span></div>
      <div v-else-if="!items" class="ts-empty"><span class="ts-spinner"></span></div>
      <div v-else-if="!items.length" class="ts-empty"><q-icon name="videocam" size="40px"></q-icon><p class="ts-notice-title">{{ t('sources.none') }}</p><p class="ts-notice-advice">{{ t('sources.none_how') }}</p></div>
      <ul v-else class="ts-list ts-source-list">
        <li v-for="item in items" :key="item.channel_id" :data-source="item.channel_id" :data-state="stateOf(item)">
          <span class="ts-source-state"><i class="ts-dot" :class="toneOf(item)"></i>{{ t('source_state.' + stateOf(item)) }}</span>
          <div class="ts-source-name"><strong :title="item.name">{{ item.name }}</strong><span class="ts-dim">{{ item.channel_id }}</span></div>
          <div class="ts-source-where"><span :title="where(item)">{{ where(item) }}</span><span class="ts-dim">{{ how(item) }}</span></div>
          <div class="ts-source-figures" :class="{ 'is-bad': reasonOf(item) }"><span v-if="reasonOf(item)" :title="item.main.message">{{ reasonOf(item) }}</span><template v-else><span>{{ flow(item) }}</span><span v-if="item.main && item.main.left_out.length" class="ts-dim">{{ t('sources.left_out', { codecs: item.main.left_out.join(', ') }) }}</span></template></div>
          <span class="ts-links">
            <button v-if="item.enabled" class="ts-icon" data-action="live" :title="t('sources.live')" :aria-label="t('sources.live')" @click="$emit('live', item.device_id + '~' + item.channel_id)"><q-icon name="play_arrow"></q-icon></button>
            <button class="ts-icon" data-action="switch" :title="t(item.enabled ? 'sources.disable' : 'sources.enable')" :aria-label="t(item.enabled ? 'sources.disable' : 'sources.enable')" :disabled="busy === item.channel_id" @click="change(item, { enabled: !item.enabled })"><q-icon :name="item.enabled ? 'toggle_on' : 'toggle_off'"></q-icon></button>
            <button class="ts-icon" data-action="edit" :title="t('sources.edit')" :aria-label="t('sources.edit')" @click="open(item)"><q-icon name="edit"></q-icon></button>
            <button class="ts-icon" data-action="remove" :title="t('sources.remove')" :aria-label="t('sources.remove')" @click="removing = item"><q-icon name="delete_outline"></q-icon></button>
          </span>
          <div v-if="removing === item" class="ts-alert is-question" role="alertdialog" :aria-label="t('sources.remove')">
            <strong>{{ t('sources.remove_sure', { name: item.name }) }}</strong><span>{{ t('sources.remove_means') }}</span>
            <span class="ts-links"><button class="ts-button is-danger" data-action="remove-sure" @click="remove(item)">{{ t('sources.remove') }}</button><button class="ts-button" @click="removing = null">{{ t('panel.cancel') }}</button></span>
          </div>
        </li>
      </ul>
      <source-form v-if="edited" :source="edited" :t="t" @close="edited = null" @saved="saved"></source-form>
      <source-search v-if="isSearching" :t="t" @close="isSearching = false" @chosen="choose"></source-search>
    </section>`,
  props: { t: Function },
  emits: ["live", "message"],
  data() {
    return { items: null, failure: null, edited: null, isSearching: false, removing: null, busy: null };
  },
  computed: {
    onlineCount() {
      return this.items.filter((item) => item.online).length;
    },
  },
  mounted() {
    this.refresh();
    this.timer = setInterval(() => document.hidden || this.refresh(), REFRESH_MS);
  },
  beforeUnmount() {
    clearInterval(this.timer);
  },
  methods: {
    stateOf: (item) => (item.main ? item.main.state : "disabled"),
    toneOf(item) {
      return TONES[this.stateOf(item)] || "is-off";
    },
    where: (item) => item.url || item.push_path,
    how(item) {
      if (item.kind === "push") return item.main?.peer ? this.t("sources.from", { peer: item.main.peer }) : this.t.of("source_kind", "push");
      const parts = [this.t.of("source_mode", item.mode)];
      if (item.url.startsWith("rtsp")) parts.unshift(this.t.of("source_transport", item.transport));
      if (item.sub_url) parts.push(this.t("sources.has_sub"));
      return parts.join(" · ");
    },
    reasonOf(item) {
      return item.main?.state === "failed" ? this.t.of("source_verdict", item.main.verdict) : "";
    },
    flow(item) {
      const main = item.main;
      if (!main || main.state !== "streaming") return "";
      return `${this.t("sources.readers", { n: main.readers })} · ${format.bytes(main.received_bytes)}`;
    },
    open(source) {
      this.edited = source;
    },
    choose(source) {
      this.isSearching = false;
      this.open(source);
    },
    saved() {
      this.refresh();
    },
    async refresh() {
      try {
        const items = await api.all("/sources");
        const removing = this.removing?.channel_id;
        this.items = items;
        this.removing = items.find((item) => item.channel_id === removing) || null;
        this.failure = null;
      } catch (problem) {
        if (!this.items) this.failure = this.t.problem(problem);
      }
    },
    async change(item, body) {
      this.busy = item.channel_id;
      await this.act("PATCH", item, body);
      this.busy = null;
    },
    async remove(item) {
      this.removing = null;
      await this.act("DELETE", item);
    },
    async act(method, item, body) {
      try {
        await api.call(method, `/sources/${item.channel_id}`, { body });
      } catch (problem) {
        const { title, advice } = this.t.problem(problem);
        this.$emit("message", `${title} ${advice}`);
      }
      await this.refresh();
    },
  },
};
