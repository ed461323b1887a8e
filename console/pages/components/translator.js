// Texts of one language: t("key", {name: value}), and t.problem(problem) for a failure of the API.

export function translator(texts, language) {
  const table = texts[language];
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? values[name] : whole));
  const t = (key, values = {}) => fill(table[key] ?? key, values);
  t.problem = (problem) => {
    const key = `problem.${problem.code}`;
    if (!(key in table)) return { title: problem.title || problem.code, advice: problem.detail || "" };
    return { title: t(key), advice: `${key}.advice` in table ? t(`${key}.advice`) : "" };
  };
  return t;
}
