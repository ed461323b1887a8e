// What comes from a subordinate now.
import * as format from "tongshi/format.js";
import { polled } from "tongshi/platform_tabs.js";

export default {
  mixins: [polled("streams")],
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
  methods: {
    duration: format.duration,
  },
};
