// Texts of one language: t("key", {name: value}), t.problem(problem) for a failure of the API, t.of(kind, word).

export function translator(texts, language) {
  const table = texts[language];
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
  const t = (key, values = {}) => fill(table[key] ?? key, values);
  t.has = (key) => key in table;
  // A word that may be unknown here, for example of a newer platform: itself then.
  t.of = (kind, word) => table[`${kind}.${word}`] ?? word;
  t.problem = (problem) => {
    const key = `problem.${problem.code}`;
    if (!(key in table)) return { title: problem.title || problem.code, advice: problem.detail || "" };
    return { title: t(key), advice: `${key}.advice` in table ? t(`${key}.advice`) : "" };
  };
  return t;
}
