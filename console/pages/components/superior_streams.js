// What a superior watches now.
import * as format from "tongshi/format.js";
import { polled } from "tongshi/platform_tabs.js";

export default {
  mixins: [polled("streams")],
  template: `
    <div>
      <div v-if="failure" class="ts-alert" role="alert"><strong>{{ failure.title }}</strong><span>{{ failure.advice }}</span></div>
      <div v-else-if="!items" class="ts-empty"><span class="ts-spinner"></span></div>
      <p v-else-if="!items.length" class="ts-panel-note" data-empty>{{ t('superiors.streams_none') }}</p>
      <table v-else class="ts-table">
        <thead><tr><th>{{ t('superiors.stream_kind') }}</th><th>{{ t('superiors.item_id') }}</th><th>{{ t('superiors.stream_state') }}</th><th>{{ t('superiors.stream_peer') }}</th><th>{{ t('superiors.stream_form') }}</th><th>{{ t('superiors.stream_sent') }}</th><th>SSRC</th></tr></thead>
        <tbody>
          <tr v-for="item in items" :key="item.ssrc + item.id" :data-stream="item.id">
            <td class="ts-nowrap">{{ t.of('stream_kind', item.kind) }}</td><td class="ts-nowrap">{{ item.id }}</td><td>{{ t.of('sender_state', item.state) }}</td><td>{{ [item.transport, item.peer].filter(Boolean).join(' · ') }}</td>
            <td>{{ t.of('sender_form', item.form) }}</td><td>{{ bytes(item.payload_bytes) }}</td><td>{{ item.ssrc }}</td>
          </tr>
        </tbody>
      </table>
    </div>`,
  methods: {
    bytes: format.bytes,
  },
};
