// How one subordinate stands with us, and what it lists.
import * as format from "tongshi/format.js";

export default {
  template: `
    <dl class="ts-facts ts-platform-facts">
      <template v-for="fact in facts" :key="fact.name"><dt>{{ t('subordinates.' + fact.name) }}</dt><dd :class="fact.tone" :data-fact="fact.name">{{ fact.value }}</dd></template>
    </dl>`,
  props: { platform: Object, path: String, mayManage: Boolean, t: Function },
  emits: ["changed", "message"],
  computed: {
    facts() {
      const { platform: it, t } = this;
      const { link, catalogue } = it;
      const facts = [];
      const add = (name, value, tone = "") => value && facts.push({ name, value, tone });
      const since = link.online_since && t("superiors.since", { time: this.time(link.online_since) });
      add("state", [t.of("subordinate_state", link.state), since].filter(Boolean).join(" · "), { online: "is-good", lost: "is-bad" }[link.state] || "");
      add("remote", link.remote && `${link.remote} · ${link.transport}`);
      add("registered_at", link.registered_at && `${this.time(link.registered_at)}${link.expires_at ? ` · ${t("subordinates.until", { time: this.time(link.expires_at) })}` : ""}`);
      add("last_keepalive_at", link.last_keepalive_at && `${this.time(link.last_keepalive_at)}${link.keepalive_interval_s ? ` · ${t("subordinates.every", { s: Math.round(link.keepalive_interval_s) })}` : ""}`);
      add("speaks", link.edition && [t.of("edition", link.edition), link.user_agent].filter(Boolean).join(" · "));
      add("catalogue", `${t.of("catalogue_state", catalogue.state)}${catalogue.at ? ` · ${this.time(catalogue.at)}` : ""}`, catalogue.state === "partial" ? "is-bad" : "");
      add("cameras", t("subordinates.cameras_are", { n: catalogue.cameras, on: catalogue.cameras_on, directories: catalogue.directories }));
      add("missing", catalogue.missing > 0 && String(catalogue.missing));
      add("account", it.account);
      add("expected_hosts", it.expected_hosts.join(" · ") || t("subordinates.from_anywhere"), it.expected_hosts.length ? "" : "is-warn");
      add("path_rank", String(it.path_rank));
      return facts;
    },
  },
  methods: {
    time: format.moment,
  },
};
