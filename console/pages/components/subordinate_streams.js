// What comes from a subordinate now.
import * as api from "tongshi/api.js";
import * as format from "tongshi/format.js";

const REFRESH_MS = 3_000;

export default {
  template: `
    <div>
      <div v-if="failure" class="ts-alert" role="alert"><strong>{{ failure.title }}</strong><span>{{ failure.advice }}</span></div>
      <div v-else-if="!items" class="ts-empty"><span class="ts-spinner"></span></div>
      <p v-else-if="!items.length" class="ts-panel-note" data-empty>{{ t('subordinates.streams_none') }}</p>
      <table v-else class="ts-table">
        <thead><tr><th>{{ t('superiors.item_channel') }}</th><th>{{ t('superiors.stream_state') }}</th><th>{{ t('superiors.transport') }}</th><th>{{ t('subordinates.holders') }}</th><th>{{ t('subordinates.age') }}</th><th>{{ t('subordinates.route') }}</th></tr></thead>
        <tbody>
          <tr v-for="item in items" :key="item.channel + item.stream" :data-stream="item.channel">
            <td>{{ item.channel }}<span v-if="item.stream !== 'main'" class="ts-dim"> · {{ t.of('stream_choice', item.stream) }}</span></td><td>{{ t.of('invite_state', item.state) }}</td><td>{{ t.of('transport', item.transport) }}</td>
            <td>{{ item.holders.map((holder) => t.of('holder', holder)).join(' · ') }}</td><td>{{ duration(item.age_s) }}</td><td class="ts-dim">{{ item.path.join(' → ') }}</td>
          </tr>
        </tbody>
      </table>
    </div>`,
  props: { platform: Object, path: String, mayManage: Boolean, t: Function },
  emits: ["changed", "message"],
  data() {
    return { items: null, failure: null };
  },
  mounted() {
    this.refresh();
    this.timer = setInterval(() => document.hidden || this.refresh(), REFRESH_MS);
  },
  beforeUnmount() {
    clearInterval(this.timer);
  },
  methods: {
    duration: format.duration,
    async refresh() {
      try {
        this.items = await api.all(`${this.path}/streams`);
        this.failure = null;
      } catch (problem) {
        if (!this.items) this.failure = this.t.problem(problem);
      }
    },
  },
};
