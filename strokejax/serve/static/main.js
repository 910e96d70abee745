// The shell: pages by location.hash, the live connection, the status line.

import { onTokenWanted, request, setToken } from './api.js';
import { arrowKeys } from './dom.js';
import { createDraw } from './symbols/draw.js';
import { createLive } from './symbols/live.js';
import { refresh, store, tell } from './store.js';
import { createTeach } from './symbols/teach.js';
import { askForToken } from './token.js';

const byId = (id) => document.getElementById(id);
const statusLine = document.querySelector('.status');
const statusText = document.querySelector('.status-text');

function showStatus(state, reason = '') {
  const { model, encoder, version } = store.health;
  const name = model ?? encoder;
  const what = name ? `${name} · version ${version}` : '';
  const words = { open: what, lost: reason || 'Reconnecting', off: 'No connection' }[state] || 'Connecting';
  statusLine.dataset.state = state;
  if (statusText.textContent !== words) statusText.textContent = words;
}

let connection = 'off';
const live = createLive({
  message(told) {
    if ('changed' in told) {
      if (told.changed !== store.health.version) update();
      return;
    }
    pages.draw.told(told);
  },
  state(open, reason) {
    // Lost twice in a row: perhaps the token is no longer right, and a request asks for it.
    if (!open && connection === 'lost') update();
    connection = open ? 'open' : 'lost';
    showStatus(connection, reason);
    if (open) {
      pages.draw.resume();
      update();
    }
  },
});

function update() {
  return refresh().then(() => showStatus(connection)).catch((error) => {
    if (error.status) statusText.textContent = error.message;
  });
}

/**
 * A page whose code is read when it is first shown, so that drawing starts sooner.
 * @param {string} id
 * @param {() => Promise<(element: HTMLElement) => {shown?: () => void}>} read
 */
function later(id, read) {
  const element = byId(id);
  let page = null;
  async function shown() {
    let create = null;
    if (!page) {
      try {
        create = await read();
      } catch {
        statusText.textContent = 'This page could not be read. Reload to try again.';
        return;
      }
    }
    page ??= create(element);
    if (!element.hidden) page.shown?.();
  }
  return { shown };
}

const teach = createTeach(byId('page-teach'), { tryIt: () => { location.hash = 'draw'; } });
const pages = {
  draw: createDraw(byId('page-draw'), {
    live,
    teachInk(ink) {
      location.hash = 'teach';
      teach.offer(ink);
    },
  }),
  teach,
  lines: later('page-lines', async () => (await import('./lines/lines.js')).createLines),
  fonts: later('page-fonts', async () => (await import('./fonts/fonts.js')).createFonts),
  keyboard: later('page-keyboard', async () => (await import('./swipes/keyboard.js')).createKeyboard),
  collect: later('page-collect', async () => (await import('./symbols/collect.js')).createCollect),
  map: later('page-map', async () => (await import('./symbols/map.js')).createMap),
};
const tabs = Object.keys(pages).map((name) => byId(`tab-${name}`));

function show() {
  const secret = /^#token=(.+)$/.exec(location.hash);
  if (secret) {
    try {
      setToken(decodeURIComponent(secret[1]));
    } catch { /* no token: the server will ask for one */ }
    history.replaceState(null, '', '#draw');
  }
  const name = location.hash.slice(1);
  const chosen = Object.hasOwn(pages, name) ? name : 'draw';
  for (const tab of tabs) {
    const selected = tab.id === `tab-${chosen}`;
    tab.setAttribute('aria-selected', String(selected));
    tab.tabIndex = selected ? 0 : -1;
    byId(tab.getAttribute('aria-controls')).hidden = !selected;
  }
  document.title = `${tabs.find((tab) => tab.id === `tab-${chosen}`).textContent} · strokejax studio`;
  pages[chosen].shown?.();
}

document.querySelector('.tabs').addEventListener('keydown', (event) => {
  arrowKeys(event, tabs);
  if (event.key === ' ') {
    event.preventDefault();
    document.activeElement.click();
  }
});
addEventListener('hashchange', show);
store.addEventListener('symbols', () => showStatus(connection));
onTokenWanted(askForToken);
show();

async function start() {
  try {
    store.health = await request('GET', 'health');
    if (!store.health.token) setToken('');
    await refresh();
  } catch (error) {
    showStatus('off');
    statusText.textContent = error.message;
    if (error.status === 401) return;
    setTimeout(start, 3000);
    return;
  }
  tell('health');
  live.connect();
}
start();
