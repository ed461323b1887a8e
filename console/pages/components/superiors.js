// Superior platforms: how we stand with each, what it is shown, and what it watches.
import PlatformTrial from "tongshi/platform_trial.js";
import Platforms from "tongshi/platforms.js";
import SuperiorAudit from "tongshi/superior_audit.js";
import SuperiorCatalogue from "tongshi/superior_catalogue.js";
import SuperiorForm, { settingsOf } from "tongshi/superior_form.js";
import SuperiorLedger from "tongshi/superior_ledger.js";
import SuperiorRights from "tongshi/superior_rights.js";
import SuperiorState from "tongshi/superior_state.js";
import SuperiorStreams from "tongshi/superior_streams.js";

const SIDE = {
  word: "superiors",
  id: "superior_id",
  stateWord: "superior_state",
  tones: { online: "is-good", registering: "is-warn", waiting: "is-bad", off: "is-off" },
  tabs: { state: SuperiorState, catalogue: SuperiorCatalogue, ledger: SuperiorLedger, streams: SuperiorStreams, rights: SuperiorRights, audit: SuperiorAudit, trial: PlatformTrial },
  form: SuperiorForm,
  settingsOf,
};

export default {
  components: { platforms: Platforms },
  template: `<platforms :side="side" :may-manage="mayManage" :t="t" @show="(view) => $emit('show', view)" @message="(text) => $emit('message', text)"></platforms>`,
  props: { mayManage: Boolean, t: Function },
  emits: ["message", "show"],
  created() {
    this.side = SIDE; // never changes: not in data
  },
};
