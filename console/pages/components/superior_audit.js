// What a superior did, what it was refused, and what was decided about it; the newest first.
import * as format from "tongshi/format.js";
import { paged } from "tongshi/platform_tabs.js";

export default {
  mixins: [paged("audit", 100)],
  template: `
    <div>
      <div v-if="failure" class="ts-alert" role="alert"><strong>{{ failure.title }}</strong><span>{{ failure.advice }}</span></div>
      <div v-else-if="!items" class="ts-empty"><span class="ts-spinner"></span></div>
      <p v-else-if="!items.length" class="ts-panel-note" data-empty>{{ t('audit.none') }}</p>
      <table v-else class="ts-table">
        <thead><tr><th>{{ t('audit.time') }}</th><th>{{ t('audit.who') }}</th><th>{{ t('audit.action') }}</th><th>{{ t('audit.target') }}</th><th>{{ t('audit.outcome') }}</th><th>{{ t('audit.detail') }}</th></tr></thead>
        <tbody>
          <tr v-for="item in items" :key="item.sequence" :data-entry="item.sequence">
            <td class="ts-nowrap">{{ time(item.time) }}</td><td class="ts-nowrap">{{ item.actor.startsWith('superior:') ? t('audit.superior') : item.actor }}</td><td class="ts-nowrap">{{ action(item) }}</td><td class="ts-nowrap ts-lines">{{ item.target.replace('~', '\\n') }}</td>
            <td class="ts-nowrap" :class="item.outcome === 'done' ? '' : 'ts-warn-text'">{{ t.of('audit_outcome', item.outcome) }}</td><td class="ts-dim">{{ detail(item) }}</td>
          </tr>
        </tbody>
      </table>
      <button v-if="next" class="ts-button ts-more" data-action="more" :disabled="isReading" @click="more">{{ t('superiors.more') }}</button>
    </div>`,
  methods: {
    time: format.moment,
    // What superiors do is called by the right that it takes.
    action(item) {
      return item.action.startsWith("superior.") ? this.t.of("right", item.action.slice("superior.".length)) : item.action;
    },
    detail(item) {
      // A reason has a word here; its text is for the log.
      const plain = Object.entries(item.detail).filter(([name, value]) => typeof value !== "object" && !(name === "text" && item.detail.reason));
      return plain.map(([name, value]) => (name === "reason" ? this.t.of("refusal", value) : `${name} ${value}`)).join(" · ");
    },
  },
};
