// The shell: the tabs, the page of each tab, and the status line.

import { request, setToken } from './api.js';
import { arrowKeys, h } from './dom.js';
import { health, showStatus } from './status.js';

/** Milliseconds between two attempts to reach the server. */
const RETRY = 3000;
/** Messages from one page to another, by the id of the receiver's tab. */
const messages = new Map();

/**
 * Opens a tab; its page receives the message.
 * @param {string} id
 * @param {any} [message]
 */
function open(id, message) {
  messages.set(id, message);
  location.hash = id;
}

/**
 * The page of a tab. Its script is loaded when the page is first shown, so that the first page
 * appears sooner. The script exports `create(element, open)`, which returns {shown?: (message)}.
 */
function createPage(tab) {
  const id = tab.hash.slice(1);
  const element = document.getElementById(tab.getAttribute('aria-controls'));
  let page = null;

  function failed() {
    element.append(h('p.note', { role: 'alert' }, 'This page could not be loaded. Reload to try again.'));
    return {};
  }

  return {
    id, tab, element,
    async show() {
      page ??= import(new URL(tab.dataset.src, document.baseURI).href)
        .then(({ create }) => create(element, open), failed);
      const { shown } = await page;
      if (element.hidden) return;
      shown?.(messages.get(id));
      messages.delete(id);
    },
  };
}

const tabs = [...document.querySelectorAll('.tabs a')];
const pages = tabs.map(createPage);

/** Takes the token from the address that `strokejax serve --open` opens. */
function readToken() {
  const match = /^#token=(.+)$/.exec(location.hash);
  if (!match) return;
  try {
    setToken(decodeURIComponent(match[1]));
  } catch { /* malformed: the first request asks for the token */ }
  history.replaceState(null, '', '#');
}

function show() {
  readToken();
  const current = pages.find(({ id }) => id === location.hash.slice(1)) ?? pages[0];
  for (const page of pages) {
    page.element.hidden = page !== current;
    page.tab.setAttribute('aria-selected', String(page === current));
    page.tab.tabIndex = page === current ? 0 : -1;
  }
  document.title = `${current.tab.textContent} · strokejax studio`;
  current.show();
}

document.querySelector('.tabs').addEventListener('keydown', (event) => {
  arrowKeys(event, tabs);
  if (event.key === ' ') {
    event.preventDefault();
    document.activeElement.click();
  }
});
addEventListener('hashchange', show);
show();

async function start() {
  try {
    Object.assign(health, await request('GET', 'health'));
  } catch (error) {
    showStatus('off', error.message);
    setTimeout(start, RETRY);
    return;
  }
  if (!health.token) setToken('');
  showStatus('open');
}
start();
