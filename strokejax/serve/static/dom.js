// Elements by function calls; text goes in as text nodes, never as markup.

const HTML = 'http://www.w3.org/1999/xhtml';
const SVG = 'http://www.w3.org/2000/svg';

function make(namespace, names, attributes, children) {
  const [tag, ...classes] = names.split('.');
  const element = document.createElementNS(namespace, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  if (classes.length) element.classList.add(...classes);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/**
 * An HTML element. Attributes named on... with a function are listeners.
 * @param {string} tag with classes, as 'p.small.soft'
 * @param {Object<string, any>} [attributes]
 * @param {...(Node|string|null|Array<Node|string>)} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  return make(HTML, tag, attributes, children);
}

/**
 * An SVG element; see `h`.
 * @param {string} tag
 * @param {Object<string, any>} [attributes]
 * @param {...(Node|string)} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes = {}, ...children) {
  return make(SVG, tag, attributes, children);
}

const ICONS = {
  backspace: 'M8 5h9v10H8l-5-5zM10.5 8l4 4m0-4l-4 4',
  clear: 'M5 5l10 10M15 5L5 15',
  copy: 'M7 7h9v9H7zM4 12V4h8',
  download: 'M10 3v9m-4-3.500l4 4 4-4M4 16.500h12',
  minus: 'M4 10h12',
  next: 'M4 10h12m-5-5l5 5-5 5',
  plus: 'M4 10h12M10 4v12',
  reset: 'M4 8V4h4M16 12v4h-4M4 4l4.500 4.500M16 16l-4.500-4.500',
  undo: 'M8 4L4 8l4 4M4 8h8a4 4 0 0 1 0 8H9',
  upload: 'M10 13V4m-4 3.500l4-4 4 4M4 16.500h12',
};

/**
 * A small line drawing that says nothing to screen readers.
 * @param {keyof typeof ICONS} name
 */
export function icon(name) {
  return svg('svg.icon', { viewBox: '0 0 20 20', 'aria-hidden': 'true' },
    svg('path', { d: ICONS[name] }));
}

/**
 * A button with a text, an icon or both; with an icon alone the text is its label.
 * @param {string} text
 * @param {(event: Event) => void} onclick
 * @param {{icon?: string, only?: boolean, kind?: string, testid?: string, type?: string}} [options]
 * @returns {HTMLButtonElement}
 */
export function button(text, onclick, { icon: shape, only, kind = '', testid, type = 'button' } = {}) {
  let busy = false;
  return h('button', {
    type,
    class: `button ${kind} ${only ? 'only' : ''}`.trim(),
    // A second click while the first one is at work does nothing.
    async onclick(event) {
      if (busy) return;
      busy = true;
      try {
        await onclick(event);
      } finally {
        busy = false;
      }
    },
    'data-testid': testid,
    'aria-label': only ? text : null,
    title: only ? text : null,
  }, shape ? icon(shape) : null, only ? null : h('span', {}, text));
}

/**
 * An input that leaves alone what is typed.
 * @param {Object<string, any>} attributes
 * @returns {HTMLInputElement}
 */
export const field = (attributes) => h('input', {
  type: 'text', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', ...attributes,
});

/**
 * Moves focus among the elements that `list` gives with the arrow keys.
 * @param {KeyboardEvent} event
 * @param {HTMLElement[]} list
 */
export function arrowKeys(event, list) {
  const at = list.indexOf(document.activeElement);
  const to = {
    ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1,
    Home: 0, End: list.length - 1,
  }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  list[Math.max(0, Math.min(list.length - 1, to))].focus();
}

/**
 * Copies a text, or selects the element that shows it where the browser refuses.
 * @param {string} text
 * @param {HTMLElement} element
 * @returns {Promise<string>} what was done
 */
export async function copyText(text, element) {
  try {
    await navigator.clipboard.writeText(text);
    return 'Copied';
  } catch {
    getSelection().selectAllChildren(element);
    return 'The line is selected; copy it with your keyboard.';
  }
}

/**
 * Shows an element's text, or hides it where there is none.
 * @param {HTMLElement} element
 * @param {string} text
 */
export function say(element, text) {
  element.textContent = text;
  element.hidden = !text;
}
