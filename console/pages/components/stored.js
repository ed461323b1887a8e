// What a reload must not lose, kept in this browser.

export function load(name, fallback) {
  try {
    return JSON.parse(localStorage.getItem(`tongshi.${name}`)) ?? fallback;
  } catch {
    return fallback;
  }
}

export function save(name, value) {
  try {
    localStorage.setItem(`tongshi.${name}`, JSON.stringify(value));
  } catch {
    // Private windows may refuse: the page works, and forgets.
  }
}
