// What a superior is shown, in the order in which it is sent.
import { paged } from "tongshi/platform_tabs.js";

export default {
  mixins: [paged("catalogue", 200)],
  template: `
    <div>
      <div v-if="failure" class="ts-alert" role="alert"><strong>{{ failure.title }}</strong><span>{{ failure.advice }}</span></div>
      <div v-else-if="!items" class="ts-empty"><span class="ts-spinner"></span></div>
      <p v-else-if="!items.some((item) => item.channel)" class="ts-panel-note" data-empty>{{ t('superiors.catalogue_empty') }}</p>
      <table v-else class="ts-table">
        <thead><tr><th>{{ t('superiors.item_name') }}</th><th>{{ t('superiors.item_id') }}</th><th>{{ t('superiors.item_status') }}</th><th>{{ t('superiors.item_parent') }}</th><th>{{ t('superiors.item_channel') }}</th></tr></thead>
        <tbody>
          <tr v-for="item in items" :key="item.id" :data-item="item.id">
            <td>{{ item.name }}</td><td class="ts-nowrap">{{ item.id }}</td>
            <td class="ts-nowrap"><template v-if="item.channel"><i class="ts-dot" :class="item.status === 'ON' ? 'is-good' : 'is-bad'"></i> {{ t(item.status === 'ON' ? 'tree.online' : 'tree.offline') }}</template><span v-else class="ts-dim">{{ t.of('presented_kind', item.kind) }}</span></td>
            <td class="ts-dim ts-nowrap ts-lines">{{ item.parent_ids.join('\\n') }}</td><td class="ts-dim ts-nowrap ts-lines">{{ (item.channel || '').replace('~', '\\n') }}</td>
          </tr>
        </tbody>
      </table>
      <button v-if="next" class="ts-button ts-more" data-action="more" :disabled="isReading" @click="more">{{ t('superiors.more') }}</button>
    </div>`,
};
