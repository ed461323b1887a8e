// Platforms of one side, superiors or subordinates: a list, and one of them in detail.
import * as api from "tongshi/api.js";

const REFRESH_MS = 3_000;

export default {
  template: `
    <section class="ts-platforms" :aria-label="t(side.word + '.title')">
      <header class="ts-playback-head">
        <div class="ts-views" role="group" :aria-label="t('view.superiors')">
          <button v-for="name in ['superiors', 'subordinates']" :key="name" class="ts-toggle" :data-side="name" :class="{ 'is-on': side.word === name }" :aria-pressed="String(side.word === name)" @click="$emit('show', name)">{{ t(name + '.title') }}</button>
        </div>
        <span v-if="items" class="ts-dim" data-count-of-platforms>{{ t('superiors.count', { n: items.length, online: onlineCount }) }}</span>
        <span class="ts-spacer"></span>
        <button v-if="mayManage" class="ts-button" data-action="add-platform" @click="edited = {}"><q-icon name="add"></q-icon>{{ t(side.word + '.add') }}</button>
      </header>
      <div v-if="failure" class="ts-alert" role="alert"><strong>{{ failure.title }}</strong><span>{{ failure.advice }}</span></div>
      <div v-else-if="!items" class="ts-empty"><span class="ts-spinner"></span></div>
      <div v-else-if="!items.length" class="ts-empty"><q-icon name="account_tree" size="40px"></q-icon><p class="ts-notice-title">{{ t(side.word + '.none') }}</p><p class="ts-notice-advice">{{ t(side.word + '.none_how') }}</p></div>
      <div v-else class="ts-platform-body">
        <ul class="ts-list ts-platform-list" :aria-label="t(side.word + '.title')">
          <li v-for="item in items" :key="idOf(item)">
            <button class="ts-platform" :class="{ 'is-on': item === chosen }" :aria-current="item === chosen ? 'true' : undefined" :data-platform="idOf(item)" :data-state="item.link.state" @click="chosenId = idOf(item)">
              <i class="ts-dot" :class="side.tones[item.link.state] || 'is-off'"></i>
              <strong :title="nameOf(item)">{{ nameOf(item) }}</strong><span class="ts-platform-state">{{ t.of(side.stateWord, item.link.state) }}</span>
              <span class="ts-dim ts-platform-id">{{ idOf(item) }}</span><span v-if="item.streams" class="ts-dim">{{ t(side.word + '.watches', { n: item.streams }) }}</span>
            </button>
          </li>
        </ul>
        <div class="ts-platform-detail" :data-detail="idOf(chosen)">
          <div class="ts-platform-head">
            <h3>{{ nameOf(chosen) }}</h3>
            <span v-if="mayManage" class="ts-links">
              <button class="ts-button is-small" data-action="switch" :disabled="isBusy" @click="change({ enabled: !chosen.enabled })">{{ t(chosen.enabled ? 'superiors.disable' : 'superiors.enable') }}</button>
              <button class="ts-button is-small" data-action="edit" @click="edited = chosen"><q-icon name="edit"></q-icon>{{ t('superiors.edit') }}</button>
              <button class="ts-icon" data-action="remove" :title="t(side.word + '.remove')" :aria-label="t(side.word + '.remove')" @click="removing = idOf(chosen)"><q-icon name="delete_outline"></q-icon></button>
            </span>
          </div>
          <p v-if="chosen.link.why && chosen.link.state !== 'online'" class="ts-alert" :class="{ 'is-question': side.tones[chosen.link.state] !== 'is-bad' }" role="status" data-why><strong>{{ t.of(side.stateWord, chosen.link.state) }}</strong><span>{{ chosen.link.why }}</span></p>
          <div v-if="removing === idOf(chosen)" class="ts-alert is-question" role="alertdialog" :aria-label="t(side.word + '.remove')">
            <strong>{{ t(side.word + '.remove_sure', { name: nameOf(chosen) }) }}</strong><span>{{ t(side.word + '.remove_means') }}</span>
            <span class="ts-links"><button class="ts-button is-danger" data-action="remove-sure" @click="remove">{{ t(side.word + '.remove') }}</button><button class="ts-button" @click="removing = null">{{ t('panel.cancel') }}</button></span>
          </div>
          <div class="ts-views" role="tablist" :aria-label="nameOf(chosen)">
            <button v-for="(_, name) in side.tabs" :key="name" class="ts-toggle" role="tab" :data-tab="name" :class="{ 'is-on': tab === name }" :aria-selected="String(tab === name)" @click="tab = name">{{ t(side.word + '.tab_' + name) }}</button>
          </div>
          <component :is="side.tabs[tab]" :key="tab + idOf(chosen)" class="ts-platform-tab" :platform="chosen" :path="pathOf(chosen)" :may-manage="mayManage" :t="t" @changed="refresh" @message="(text) => $emit('message', text)"></component>
        </div>
      </div>
      <component :is="side.form" v-if="edited" :platform="edited" :t="t" @close="edited = null" @saved="saved"></component>
    </section>`,
  props: { side: Object, mayManage: Boolean, t: Function },
  emits: ["message", "show"],
  data() {
    return { items: null, failure: null, chosenId: "", tab: "state", edited: null, removing: null, isBusy: false };
  },
  computed: {
    chosen() {
      return this.items.find((item) => this.idOf(item) === this.chosenId) || this.items[0];
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
    idOf(item) {
      return item[this.side.id];
    },
    nameOf(item) {
      return item.name || this.idOf(item);
    },
    pathOf(item) {
      return `/${this.side.word}/${this.idOf(item)}`;
    },
    saved(platformId) {
      this.chosenId = platformId;
      this.refresh();
    },
    async refresh() {
      try {
        this.items = await api.all(`/${this.side.word}`);
        this.failure = null;
      } catch (problem) {
        if (!this.items) this.failure = this.t.problem(problem);
      }
    },
    async change(difference) {
      this.isBusy = true;
      await this.act("PUT", { ...this.side.settingsOf(this.chosen), ...difference });
      this.isBusy = false;
    },
    async remove() {
      this.removing = null;
      await this.act("DELETE");
    },
    async act(method, body) {
      try {
        await api.call(method, this.pathOf(this.chosen), { body });
      } catch (problem) {
        const { title, advice } = this.t.problem(problem);
        this.$emit("message", `${title} ${advice}`);
      }
      await this.refresh();
    },
  },
};
