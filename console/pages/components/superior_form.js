// The settings of one superior, and the rules by which channels are shown to it.
import PlatformForm, * as platform_form from "tongshi/platform_form.js";

const KINDS = ["all", "region", "group", "device", "channel"];
const PLAN = {
  word: "superiors",
  id: "superior_id",
  told: ["superior_id", "has_password", "link", "streams"],
  first: [{ name: "name", example: " " }],
  reached: [{ name: "host", required: true, example: "192.0.2.10" }, { name: "port", least: 1, most: 65535 }],
  main: [
    { name: "own_id", pattern: "[0-9]{20}" },
    { name: "transport", kind: "sip_transport", choices: ["UDP", "TCP", "TLS"] },
    { name: "edition", choices: ["3.0", "2.0", "1.1", "1.0"] },
    { name: "charset", choices: ["GB2312", "GBK", "GB18030", "UTF-8"] },
    { name: "tree", kind: "tree_form", choices: ["flat", "regions", "groups"] },
  ],
  groups: [
    {
      name: "registration",
      fields: [
        ...["alternate", "advertised_host", "domain", "own_domain", "username"].map((name) => ({ name })),
        { name: "expires_s", least: 60, most: 86400 },
        { name: "keepalive_s", least: 5, most: 3600 },
        { name: "keepalive_misses", least: 1, most: 20 },
        { name: "retry_s", least: 1, most: 3600 },
        { name: "retry_max_s", least: 1, most: 86400 },
      ],
    },
    {
      name: "catalogue",
      fields: [
        { name: "id_prefix", pattern: "[0-9]{8}|[0-9]{10}" },
        { name: "initial_report", choices: ["abnormal", "full", "none"] },
        { name: "fragment_items", least: 1, most: 100 },
        { name: "fragment_pause_s", least: 0, most: 10, step: 0.1 },
        { name: "notify_items", least: 1, most: 100 },
        { name: "notify_wait_s", least: 0.1, most: 4, step: 0.1 },
        { name: "with_own_item", check: true },
        { name: "keeps_ids", check: true },
        { name: "pushes_alarms", check: true },
      ],
    },
    {
      name: "media",
      fields: [
        { name: "record_source", choices: ["own_first", "device_first", "merged"] },
        { name: "record_wait_s", least: 1, most: 60 },
        { name: "takes_ssrc", check: true },
        { name: "awaits_ack", check: true },
        { name: "speech_tcp", check: true },
      ],
    },
    { name: "tls", fields: [{ name: "tls_authorities", wide: true }, { name: "tls_name" }, { name: "tls_verify", check: true }] },
  ],
  fresh: {
    name: "", enabled: true, host: "", port: 5060, transport: "UDP", alternate: "", domain: "", own_id: "", own_domain: "", username: "",
    edition: "3.0", charset: "GB2312", advertised_host: "", expires_s: 3600, keepalive_s: 60, keepalive_misses: 3, retry_s: 10, retry_max_s: 300,
    tree: "flat", with_own_item: true, id_prefix: "", keeps_ids: true, fragment_items: 1, fragment_pause_s: 0, notify_items: 20, notify_wait_s: 1,
    initial_report: "abnormal", pushes_alarms: false, record_source: "own_first", record_wait_s: 12, takes_ssrc: true, awaits_ack: true,
    speech_tcp: false, tls_authorities: "", tls_verify: true, tls_name: "", shares: [{ kind: "all", value: "", shown: true }],
  },
  tidy: (form) => ({ ...form, shares: form.shares.map((share) => (share.kind === "all" ? { ...share, value: "" } : share)) }),
};

export const settingsOf = (superior) => platform_form.settingsOf(PLAN, superior);

export default {
  components: { "platform-form": PlatformForm },
  template: `
    <platform-form :plan="plan" :platform="platform" :t="t" @close="$emit('close')" @saved="(id) => $emit('saved', id)">
      <template #default="{ form }">
        <fieldset class="ts-rules">
          <legend>{{ t('superiors.shown') }}</legend>
          <p class="ts-panel-hint">{{ t('superiors.shown_how') }}</p>
          <div v-for="(share, at) in form.shares" :key="at" class="ts-rule">
            <select v-model="share.shown" class="ts-input" :aria-label="t('superiors.rule')" data-rule="shown"><option :value="true">{{ t('superiors.show') }}</option><option :value="false">{{ t('superiors.hide') }}</option></select>
            <select v-model="share.kind" class="ts-input" :aria-label="t('superiors.rule_kind')" data-rule="kind"><option v-for="kind in kinds" :key="kind" :value="kind">{{ t.of('share_kind', kind) }}</option></select>
            <input v-if="share.kind !== 'all'" v-model.trim="share.value" class="ts-input" maxlength="144" required :aria-label="t.of('share_kind', share.kind)" :placeholder="t.of('share_example', share.kind)" data-rule="value"><span v-else></span>
            <button class="ts-icon" type="button" data-action="drop-rule" :title="t('superiors.drop_rule')" :aria-label="t('superiors.drop_rule')" @click="form.shares.splice(at, 1)"><q-icon name="close"></q-icon></button>
          </div>
          <button class="ts-button is-small" type="button" data-action="add-rule" @click="form.shares.push({ kind: 'region', value: '', shown: true })"><q-icon name="add"></q-icon>{{ t('superiors.add_rule') }}</button>
        </fieldset>
      </template>
    </platform-form>`,
  props: { platform: Object, t: Function },
  emits: ["close", "saved"],
  data: () => ({ plan: PLAN, kinds: KINDS }),
};
