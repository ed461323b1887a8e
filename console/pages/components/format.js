// Numbers and times as people read them.

export function bitrate(kbps) {
  if (kbps == null) return "";
  return kbps >= 1000 ? `${(kbps / 1000).toFixed(1)} Mbit/s` : `${Math.round(kbps)} kbit/s`;
}

export function percent(ratio, digits = 1) {
  return ratio == null ? "–" : `${(ratio * 100).toFixed(digits)} %`;
}

export function bytes(count) {
  if (count == null) return "–";
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let at = 0;
  while (count >= 1000 && at < units.length - 1) {
    count /= 1000;
    at += 1;
  }
  return `${count.toFixed(count >= 100 || at === 0 ? 0 : 1)} ${units[at]}`;
}

const two = (number) => String(number).padStart(2, "0");

export function clock(time) {
  return `${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}

export function day(time) {
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
}

// "2026-01-31 08:15:00" of an instant as the API writes it.
export function moment(text) {
  const time = new Date(text);
  return `${day(time)} ${clock(time)}`;
}

// Local midnight of "2026-01-31".
export function midnight(text) {
  const [year, month, date] = text.split("-").map(Number);
  return new Date(year, month - 1, date);
}

export function nextMidnight(time) {
  return new Date(time.getFullYear(), time.getMonth(), time.getDate() + 1);
}

// H264 and H265 as the trade writes them.
export function codec(name) {
  return { H264: "H.264", H265: "H.265", HEVC: "H.265", AVC: "H.264" }[String(name || "").toUpperCase()] || name || "";
}

// 1:02:03, or 2:03 below an hour.
export function duration(seconds) {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
