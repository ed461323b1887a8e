// Names of channels, asked for once each, a few at a time; those who show them are told when one is there.
import * as api from "tongshi/api.js";

const AT_ONCE = 4;
const KEPT = 2_000;

export class Names {
  // table: a reactive Map of key to name.
  constructor(table) {
    this.table = table;
    this.waiting = [];
    this.running = 0;
  }

  want(key) {
    if (this.table.has(key)) return;
    if (this.table.size >= KEPT) this.table.clear();
    this.table.set(key, "");
    this.waiting.push(key);
    this.work();
  }

  async work() {
    if (this.running >= AT_ONCE || !this.waiting.length) return;
    this.running += 1;
    const key = this.waiting.shift();
    const channel = await api.channel(key).catch(() => null);
    if (channel?.name) this.table.set(key, channel.name);
    this.running -= 1;
    this.work();
  }
}
