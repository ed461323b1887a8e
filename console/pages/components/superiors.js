// Superior platforms: how we stand with each, what it is shown, and what it watches.
import * as api from "tongshi/api.js";
import SuperiorCatalogue from "tongshi/superior_catalogue.js";
import SuperiorForm, { settingsOf } from "tongshi/superior_form.js";
import SuperiorState from "tongshi/superior_state.js";
import SuperiorStreams from "tongshi/superior_streams.js";

const REFRESH_MS = 3_000;
const TONES = { online: "is-good", registering: "is-warn", waiting: "is-bad", off: "is-off" };
const TABS = ["state", "catalogue", "streams"];

export default {
  components: { "superior-state": SuperiorState, "superior-catalogue": SuperiorCatalogue, "superior-streams": SuperiorStreams, "superior-form": SuperiorForm },
  template: `
    <section class="ts-platforms" :aria-label="t('superiors.title')">
      <header class="ts-playback-head">
        <h2>{{ t('superiors.title') }}</h2>
        <span v-if="items" class="ts-dim">{{ t('superiors.count', { n: items.length, online: onlineCount }) }}</span>
        <span class="ts-spacer"></span>
        <button v-if="mayManage" class="ts-button" data-action="add-superior" @click="edited = {}"><q-icon name="add"></q-icon>{{ t('superiors.add') }}</button>
      </header>
      <div v-if="failure" class="ts-alert" role="alert"><strong>{{ failure.title }}</strong><span>{{ failure.advice }}</span></div>
      <div v-else-if="!items" class="ts-empty"><span class="ts-spinner"></span></div>
      <div v-else-if="!items.length" class="ts-empty"><q-icon name="account_tree" size="40px"></q-icon><p class="ts-notice-title">{{ t('superiors.none') }}</p><p class="ts-notice-advice">{{ t('superiors.none_how') }}</p></div>
      <div v-else class="ts-platform-body">
        <ul class="ts-list ts-platform-list" :aria-label="t('superiors.title')">
          <li v-for="item in items" :key="item.superior_id">
            <button class="ts-platform" :class="{ 'is-on': item === chosen }" :aria-current="item === chosen ? 'true' : undefined" :data-superior="item.superior_id" :data-state="item.link.state" @click="chosenId = item.superior_id">
              <i class="ts-dot" :class="tone(item)"></i>
              <strong :title="nameOf(item)">{{ nameOf(item) }}</strong><span class="ts-platform-state">{{ t('superior_state.' + item.link.state) }}</span>
              <span class="ts-dim ts-platform-id">{{ item.superior_id }}</span><span v-if="item.streams" class="ts-dim">{{ t('superiors.watches', { n: item.streams }) }}</span>
            </button>
          </li>
        </ul>
        <div class="ts-platform-detail" :data-detail="chosen.superior_id">
          <div class="ts-platform-head">
            <h3>{{ nameOf(chosen) }}</h3>
            <span v-if="mayManage" class="ts-links">
              <button class="ts-button is-small" data-action="switch" :disabled="isBusy" @click="change({ enabled: !chosen.enabled })">{{ t(chosen.enabled ? 'superiors.disable' : 'superiors.enable') }}</button>
              <button class="ts-button is-small" data-action="edit" @click="edited = chosen"><q-icon name="edit"></q-icon>{{ t('superiors.edit') }}</button>
              <button class="ts-icon" data-action="remove" :title="t('superiors.remove')" :aria-label="t('superiors.remove')" @click="removing = chosen.superior_id"><q-icon name="delete_outline"></q-icon></button>
            </span>
          </div>
          <p v-if="chosen.link.why && chosen.link.state !== 'online'" class="ts-alert" :class="{ 'is-question': chosen.link.state !== 'waiting' }" role="status" data-why><strong>{{ t('superior_state.' + chosen.link.state) }}</strong><span>{{ chosen.link.why }}</span></p>
          <div v-if="removing === chosen.superior_id" class="ts-alert is-question" role="alertdialog" :aria-label="t('superiors.remove')">
            <strong>{{ t('superiors.remove_sure', { name: nameOf(chosen) }) }}</strong><span>{{ t('superiors.remove_means') }}</span>
            <span class="ts-links"><button class="ts-button is-danger" data-action="remove-sure" @click="remove">{{ t('superiors.remove') }}</button><button class="ts-button" @click="removing = null">{{ t('panel.cancel') }}</button></span>
          </div>
          <div class="ts-views" role="tablist" :aria-label="nameOf(chosen)">
            <button v-for="name in tabs" :key="name" class="ts-toggle" role="tab" :data-tab="name" :class="{ 'is-on': tab === name }" :aria-selected="String(tab === name)" @click="tab = name">{{ t('superior_tab.' + name) }}</button>
          </div>
          <component :is="'superior-' + tab" :key="tab + chosen.superior_id" class="ts-platform-tab" :superior="chosen" :may-manage="mayManage" :t="t" @changed="refresh" @message="(text) => $emit('message', text)"></component>
        </div>
      </div>
      <superior-form v-if="edited" :superior="edited" :t="t" @close="edited = null" @saved="saved"></superior-form>
    </section>`,
  props: { mayManage: Boolean, t: Function },
  emits: ["message"],
  data() {
    return { items: null, failure: null, chosenId: "", tab: "state", edited: null, removing: null, isBusy: false, tabs: TABS };
  },
  computed: {
    chosen() {
      return this.items.find((item) => item.superior_id === this.chosenId) || this.items[0];
    },
    onlineCount() {
      return this.items.filter((item) => item.link.state === "online").length;
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
    tone: (item) => TONES[item.link.state] || "is-off",
    nameOf: (item) => item.name || item.superior_id,
    saved(superiorId) {
      this.chosenId = superiorId;
      this.refresh();
    },
    async refresh() {
      try {
        this.items = await api.all("/superiors");
        this.failure = null;
      } catch (problem) {
        if (!this.items) this.failure = this.t.problem(problem);
      }
    },
    async change(difference) {
      this.isBusy = true;
      await this.act("PUT", { ...settingsOf(this.chosen), ...difference });
      this.isBusy = false;
    },
    async remove() {
      this.removing = null;
      await this.act("DELETE");
    },
    async act(method, body) {
      try {
        await api.call(method, `/superiors/${this.chosen.superior_id}`, { body });
      } catch (problem) {
        const { title, advice } = this.t.problem(problem);
        this.$emit("message", `${title} ${advice}`);
      }
      await this.refresh();
    },
  },
};
