// What the tabs of one platform have in common: lists that are read page after page, or again and again.
import * as api from "tongshi/api.js";

const REFRESH_MS = 3_000;

const TAB = { props: { platform: Object, path: String, mayManage: Boolean, t: Function }, emits: ["changed", "message"] };

// `items` of `{path}/{name}`; more() adds the next page while there is a `next`.
export const paged = (name, limit) => ({
  ...TAB,
  data: () => ({ items: null, next: null, failure: null, isReading: false }),
  mounted() {
    this.more();
  },
  methods: {
    // What is asked for besides, for example a filter.
    wanted: () => ({}),
    async more() {
      this.isReading = true;
      try {
        const params = { limit, ...this.wanted(), ...(this.next && { cursor: this.next }) };
        const page = await api.call("GET", `${this.path}/${name}`, { params });
        this.items = [...(this.items || []), ...page.items];
        this.next = page.next;
      } catch (problem) {
        this.failure = this.t.problem(problem);
      } finally {
        this.isReading = false;
      }
    },
  },
});

// All `items` of `{path}/{name}` as they are now.
export const polled = (name) => ({
  ...TAB,
  data: () => ({ items: null, failure: null }),
  mounted() {
    this.refresh();
    this.timer = setInterval(() => document.hidden || this.refresh(), REFRESH_MS);
  },
  beforeUnmount() {
    clearInterval(this.timer);
  },
  methods: {
    async refresh() {
      try {
        this.items = await api.all(`${this.path}/${name}`);
        this.failure = null;
      } catch (problem) {
        if (!this.items) this.failure = this.t.problem(problem);
      }
    },
  },
});
