// Functions that create elements and their texts. Text becomes text nodes, never markup.

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
 * An HTML element. An attribute such as `onclick` with a function adds a listener.
 * @param {string} tag with classes, such as 'p.small.soft'
 * @param {Object<string, any>} [attributes]
 * @param {...(Node|string|null|Array<Node|string>)} children
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  return make(HTML, tag, attributes, children);
}

/** An SVG element, by the parameters of `h`. @returns {SVGElement} */
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

/** A small line drawing, hidden from screen readers. @param {keyof typeof ICONS} name */
export function icon(name) {
  return svg('svg.icon', { viewBox: '0 0 20 20', 'aria-hidden': 'true' },
    svg('path', { d: ICONS[name] }));
}

/**
 * A button with a text, an icon or both. A button with `only` an icon has the text as its label.
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
    // Ignores clicks while the handler of an earlier one runs.
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
 * A text input without completion, capitals and spelling of the browser.
 * @param {Object<string, any>} attributes
 * @returns {HTMLInputElement}
 */
export const field = (attributes) => h('input', {
  type: 'text', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', ...attributes,
});

/**
 * Moves the focus in a list of elements by the arrow keys, Home and End.
 * @param {KeyboardEvent} event
 * @param {HTMLElement[]} list
 */
export function arrowKeys(event, list) {
  const current = list.indexOf(document.activeElement);
  const target = {
    ArrowRight: current + 1, ArrowDown: current + 1, ArrowLeft: current - 1, ArrowUp: current - 1,
    Home: 0, End: list.length - 1,
  }[event.key];
  if (current < 0 || target === undefined) return;
  event.preventDefault();
  list[Math.max(0, Math.min(list.length - 1, target))].focus();
}

/**
 * Copies a text. If the browser refuses, selects the element that shows the text.
 * @param {string} text
 * @param {HTMLElement} element
 * @returns {Promise<string>} a message for the user
 */
export async function copyText(text, element) {
  try {
    await navigator.clipboard.writeText(text);
    return 'Copied';
  } catch {
    getSelection().selectAllChildren(element);
    return 'The text is selected; copy it with your keyboard.';
  }
}

/**
 * Sets an element's text; hides the element if the text is empty.
 * @param {HTMLElement} element
 * @param {string} text
 */
export function showText(element, text) {
  element.textContent = text;
  element.hidden = !text;
}

/** "3 drawings". @param {number} n @param {string} noun @returns {string} */
export const count = (n, noun) => `${n} ${noun}${n === 1 ? '' : 's'}`;

/** "12 %", with one decimal below 1 %. @param {number} share of 1 @returns {string} */
export const percent = (share) => {
  const digits = share >= 0.0005 && share < 0.0095 ? 1 : 0;
  return `${(100 * share).toFixed(digits)}\u00a0%`;
};
