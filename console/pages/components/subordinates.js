// Subordinate platforms: how each stands with us, what it lists, what comes from it, and a test call.
import PlatformTrial from "tongshi/platform_trial.js";
import Platforms from "tongshi/platforms.js";
import SubordinateForm, { settingsOf } from "tongshi/subordinate_form.js";
import SubordinateState from "tongshi/subordinate_state.js";
import SubordinateStreams from "tongshi/subordinate_streams.js";

const SIDE = {
  word: "subordinates",
  id: "subordinate_id",
  stateWord: "subordinate_state",
  tones: { online: "is-good", doubtful: "is-warn", lost: "is-bad", expected: "is-off", off: "is-off" },
  tabs: { state: SubordinateState, streams: SubordinateStreams, trial: PlatformTrial },
  form: SubordinateForm,
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
