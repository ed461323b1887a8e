// What a superior watches now.
import * as api from "tongshi/api.js";
import * as format from "tongshi/format.js";

const REFRESH_MS = 3_000;

export default {
  template: `
    <div>
      <div v-if="failure" class="ts-alert" role="alert"><strong>{{ failure.title }}</strong><span>{{ failure.advice }}</span></div>
      <div v-else-if="!items" class="ts-empty"><span class="ts-spinner"></span></div>
      <p v-else-if="!items.length" class="ts-panel-note" data-empty>{{ t('superiors.streams_none') }}</p>
      <table v-else class="ts-table">
        <thead><tr><th>{{ t('superiors.item_id') }}</th><th>{{ t('superiors.stream_state') }}</th><th>{{ t('superiors.stream_peer') }}</th><th>{{ t('superiors.stream_form') }}</th><th>{{ t('superiors.stream_sent') }}</th><th>SSRC</th></tr></thead>
        <tbody>
          <tr v-for="item in items" :key="item.ssrc + item.id" :data-stream="item.id">
            <td>{{ item.id }}</td><td>{{ t.of('sender_state', item.state) }}</td><td>{{ [item.transport, item.peer].filter(Boolean).join(' · ') }}</td>
            <td>{{ t.of('sender_form', item.form) }}</td><td>{{ bytes(item.payload_bytes) }}</td><td>{{ item.ssrc }}</td>
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
    bytes: format.bytes,
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
