// The small parts of the pages that the host itself has: where to go, and how the interface is called.

/** An element. Text goes in as text: nothing here parses HTML. */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.filter((c) => c !== null && c !== undefined && c !== false));
  return node;
}

export const $ = (id) => document.getElementById(id);

/** Sets text only where it differs, so that screen readers are not told twice. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function facts(pairs) {
  return pairs.filter(([, value]) => value).flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, value)]);
}

function preference(name, value) {
  try {
    if (value === undefined) return localStorage.getItem(name);
    localStorage.setItem(name, value);
  } catch {
    // Without storage the choice lasts until the page is left.
  }
  return null;
}

/** Large letters and strong contrast (适老化). */
export function elderSwitch() {
  const root = document.documentElement;
  const is = () => root.classList.contains('elder');
  root.classList.toggle('elder', preference('elder') === 'on');
  const button = el('button', { type: 'button', class: 'tool', 'aria-pressed': String(is()), title: '适老化：大字、高对比度', onclick: () => {
    root.classList.toggle('elder');
    preference('elder', is() ? 'on' : 'off');
    button.setAttribute('aria-pressed', String(is()));
    setText(button, is() ? '标准版' : '大字版');
  } }, is() ? '标准版' : '大字版');
  return button;
}
