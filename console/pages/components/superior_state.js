// How we stand with one superior, in figures.
import * as format from "tongshi/format.js";
import { polled } from "tongshi/platform_tabs.js";

export default {
  mixins: [polled("subscriptions")],
  template: `
    <dl class="ts-facts ts-platform-facts">
      <template v-for="fact in facts" :key="fact.name"><dt>{{ t('superiors.' + fact.name) }}</dt><dd :class="fact.tone" :data-fact="fact.name">{{ fact.value }}</dd></template>
    </dl>`,
  computed: {
    subscribed() {
      return this.count(this.items.map((one) => one.kind));
    },
    facts() {
      const { platform: it, t } = this;
      const link = it.link;
      const facts = [];
      const add = (name, value, tone = "") => value && facts.push({ name, value, tone });
      add("state", `${t(`superior_state.${link.state}`)} · ${t("superiors.since", { time: format.moment(link.since) })}`, link.state === "online" ? "is-good" : "");
      add("next", link.next_in_s != null && t("superiors.in_s", { s: Math.round(link.next_in_s) }));
      add("address", `${it.host}:${it.port} · ${it.transport}${it.alternate ? ` · ${t("superiors.or", { address: it.alternate })}` : ""}`);
      add("remote", link.remote && link.remote !== `${it.host}:${it.port}` && link.remote);
      add("own_id", it.own_id);
      add("speaks", `${t.of("edition", it.edition)} · ${it.charset}`);
      add("counts", t("superiors.counts_are", { registrations: link.registrations, refusals: link.refusals, losses: link.losses }));
      add("keepalives", t("superiors.keepalives_are", { n: link.keepalives, missed: link.keepalives_missed }), link.keepalives_missed ? "is-bad" : "");
      add("shown", it.shares.length ? it.shares.map((share) => this.rule(share)).join(" · ") : t("superiors.nothing_shown"), it.shares.length ? "" : "is-bad");
      add("tree", t.of("tree_form", it.tree));
      add("streams", String(it.streams));
      add("subscriptions", this.items && (this.subscribed || t("superiors.no_subscription")));
      return facts;
    },
  },
  methods: {
    // A kind once, with how often when it subscribed to it for several ids.
    count(kinds) {
      const counts = new Map();
      for (const kind of kinds) counts.set(kind, (counts.get(kind) || 0) + 1);
      return [...counts].map(([kind, n]) => this.t.of("told_kind", kind) + (n > 1 ? ` × ${n}` : "")).join(" · ");
    },
    rule(share) {
      const what = `${this.t.of("share_kind", share.kind)}${share.value ? ` ${share.value}` : ""}`;
      return share.shown ? what : this.t("superiors.without", { what });
    },
  },
};
