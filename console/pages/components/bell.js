// The bell in the head line: how many alarms nobody has acknowledged.
export default {
  template: `
    <button class="ts-bell" data-action="alarms" :class="{ 'is-on': isOpen, 'has-alarms': feed.count > 0 }" :aria-pressed="String(isOpen)"
        :title="title" :aria-label="title" @click="$emit('toggle')">
      <q-icon :name="feed.count ? 'notifications_active' : 'notifications_none'" size="20px"></q-icon>
      <span v-if="feed.count" class="ts-bell-count">{{ count }}</span>
      <q-icon v-if="!feed.isLive" class="ts-bell-away" name="sync_problem" size="14px"></q-icon>
    </button>`,
  props: { feed: Object, isOpen: Boolean, t: Function },
  emits: ["toggle"],
  computed: {
    count() {
      return this.feed.isMore ? `${this.feed.count}+` : String(this.feed.count);
    },
    title() {
      const text = this.feed.count ? this.t("bell.some", { n: this.count }) : this.t("bell.none");
      return this.feed.isLive ? text : `${text} · ${this.t("bell.away")}`;
    },
  },
};
