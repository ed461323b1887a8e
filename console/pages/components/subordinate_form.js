// The settings of one subordinate.
import PlatformForm, * as platform_form from "tongshi/platform_form.js";

const PLAN = {
  word: "subordinates",
  id: "subordinate_id",
  needsPassword: true,
  told: ["subordinate_id", "has_password", "link", "catalogue", "streams"],
  first: [{ name: "name", example: " " }],
  reached: [],
  main: [
    { name: "account" },
    { name: "expected_hosts", example: "192.0.2.10 10.20.0.0/16" },
    { name: "edition", choices: [null, "3.0", "2.0", "1.1", "1.0"] },
    { name: "charset", choices: [null, "GB2312", "GBK", "GB18030", "UTF-8"] },
  ],
  groups: [
    {
      name: "more",
      fields: [
        { name: "media_transport", kind: "media_choice", choices: [null, "auto", "udp", "tcp_passive"] },
        { name: "path_rank", least: 0, most: 1000 },
        { name: "catalog_every_s", least: 300, most: 604800, optional: true },
        { name: "send_date", check: true },
      ],
    },
  ],
  fresh: { name: "", enabled: true, account: "", expected_hosts: [], edition: null, charset: null, send_date: true, media_transport: null, path_rank: 100, catalog_every_s: null },
  // Addresses are one text in the form; an emptied number is none.
  tidy: (form) => ({ ...form, expected_hosts: [].concat(form.expected_hosts).join(" ").split(/[\s,，]+/).filter(Boolean), catalog_every_s: form.catalog_every_s || null }),
};

export const settingsOf = (subordinate) => platform_form.settingsOf(PLAN, subordinate);

export default {
  components: { "platform-form": PlatformForm },
  template: `<platform-form :plan="plan" :platform="shown" :t="t" @close="$emit('close')" @saved="(id) => $emit('saved', id)"></platform-form>`,
  props: { platform: Object, t: Function },
  emits: ["close", "saved"],
  data() {
    return { plan: PLAN, shown: { ...this.platform, ...(this.platform.expected_hosts && { expected_hosts: this.platform.expected_hosts.join(" ") }) } };
  },
};
