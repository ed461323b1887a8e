// What a superior was told and what it knows; the differences by name, told again or asked back.
import * as api from "tongshi/api.js";
import * as format from "tongshi/format.js";
import { paged } from "tongshi/platform_tabs.js";

export default {
  mixins: [paged("ledger", 200)],
  template: `
    <div class="ts-ledger">
      <div v-if="failure" class="ts-alert" role="alert"><strong>{{ failure.title }}</strong><span>{{ failure.advice }}</span></div>
      <div v-else-if="!items || !summary" class="ts-empty"><span class="ts-spinner"></span></div>
      <template v-else>
        <div class="ts-choices">
          <p class="ts-ledger-sum" :class="differing ? 'ts-warn-text' : 'is-good'" data-sum>{{ t('ledger.sum', { intended: summary.intended, acknowledged: summary.acknowledged, differing }) }}</p>
          <span class="ts-spacer"></span>
          <button v-if="mayManage" class="ts-button is-small" data-action="check" :disabled="isBusy" :title="t('ledger.check_means')" @click="check">{{ t('ledger.check') }}</button>
          <button v-if="mayManage" class="ts-button is-small" data-action="push" :disabled="isBusy || !differing" @click="push">{{ t('ledger.push') }}</button>
        </div>
        <div class="ts-choices">
          <select v-model="filter" class="ts-input" :aria-label="t('ledger.filter')" data-field="filter" @change="restart"><option value="differing">{{ t('ledger.differing') }}</option><option v-for="(count, name) in summary.differences" :key="name" :value="name">{{ t.of('difference', name) }}（{{ count }}）</option><option value="all">{{ t('ledger.all') }}</option></select>
          <span class="ts-dim">{{ t('ledger.notices', { sent: summary.sent, unanswered: summary.unanswered, refused: summary.refused }) }}</span>
        </div>
        <p v-if="summary.strangers.length" class="ts-panel-note" data-strangers>{{ t('ledger.strangers', { ids: summary.strangers.slice(0, 5).join(' · '), n: summary.strangers.length }) }}</p>
        <p v-if="!items.length" class="ts-panel-note" data-empty>{{ t('ledger.none') }}</p>
        <table v-else class="ts-table">
          <thead><tr><th>{{ t('superiors.item_name') }}</th><th>{{ t('superiors.item_id') }}</th><th>{{ t('ledger.intended') }}</th><th>{{ t('ledger.sent') }}</th><th>{{ t('ledger.acknowledged') }}</th><th>{{ t('ledger.difference') }}</th></tr></thead>
          <tbody>
            <tr v-for="item in items" :key="item.id" :data-item="item.id">
              <td>{{ item.name }}</td><td class="ts-nowrap">{{ item.id }}</td><td class="ts-nowrap">{{ t.of('item_state', item.intended) }}</td>
              <td v-for="(at, state) in { sent: item.sent_at, acknowledged: item.acknowledged_at }" :key="state" class="ts-nowrap"><template v-if="at">{{ t.of('item_state', item[state]) }}<br><span class="ts-dim">{{ time(at) }}</span></template><template v-else>–</template></td>
              <td><span v-if="item.difference" class="ts-warn-text">{{ [t.of('difference', item.difference), item.refused_status].filter(Boolean).join(' ') }}</span></td>
            </tr>
          </tbody>
        </table>
        <button v-if="next" class="ts-button ts-more" data-action="more" :disabled="isReading" @click="more">{{ t('superiors.more') }}</button>
      </template>
    </div>`,
  data: () => ({ summary: null, filter: "differing", isBusy: false }),
  computed: {
    differing() {
      return Object.values(this.summary.differences).reduce((sum, count) => sum + count, 0);
    },
  },
  mounted() {
    this.sum();
  },
  methods: {
    wanted() {
      if (this.filter === "all") return {};
      return this.filter === "differing" ? { differing: true } : { difference: this.filter };
    },
    time: format.moment,
    async sum() {
      try {
        this.summary = await api.call("GET", `${this.path}/ledger/summary`);
      } catch (problem) {
        this.failure = this.t.problem(problem);
      }
    },
    restart() {
      Object.assign(this, { items: null, next: null });
      this.sum();
      return this.more();
    },
    push() {
      return this.act("push", {}, ({ entries }) => this.t("ledger.pushed", { n: entries }));
    },
    check() {
      return this.act("check", undefined, ({ listed, complete }) => this.t(complete ? "ledger.checked" : "ledger.checked_in_part", { n: listed }));
    },
    async act(what, body, told) {
      this.isBusy = true;
      try {
        this.$emit("message", told(await api.call("POST", `${this.path}/ledger/${what}`, { body })));
      } catch (problem) {
        const { title, advice } = this.t.problem(problem);
        this.$emit("message", `${title} ${advice}`);
      }
      this.isBusy = false;
      await this.restart();
    },
  },
};
