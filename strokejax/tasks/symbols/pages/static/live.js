// The WebSocket that the pages of symbols share: pen events out, answers and new versions in.

import { currentToken } from '../api.js';
import { health, showStatus } from '../status.js';
import { refresh } from './store.js';

/** Milliseconds until the first attempt to reconnect; each further one waits twice as long. */
const FIRST_WAIT = 500;
const MAX_WAIT = 15_000;
/** Milliseconds between two attempts to load the symbols at the start. */
const RETRY = 3000;
/** Lines in a message. */
const MAX_LINES = 400;

let socket = null;
let queue = [];
let frame = 0;
let wait = FIRST_WAIT;
let timer = 0;
let lastTime = 0;
let lost = false;

const isOpen = () => socket?.readyState === WebSocket.OPEN;

function flush() {
  frame = 0;
  while (queue.length && isOpen()) socket.send(queue.splice(0, MAX_LINES).join('\n'));
}

/** Sends a line now, or with others before the next frame; false without a connection. */
function send(line, now) {
  if (!isOpen()) return false;
  queue.push(JSON.stringify(line));
  if (now) flush();
  else frame ||= requestAnimationFrame(flush);
  return true;
}

export const live = {
  /** @type {(answer: any) => void} */
  onanswer: () => {},
  /** Called at each new connection. */
  onopen: () => {},
  /** Number of connections so far: ids of symbols are valid within one. */
  epoch: 0,
  /** @param {{t: number, x: number, y: number, down: boolean}} event t in seconds */
  point({ t, x, y, down }) {
    lastTime = Math.max(lastTime, t);
    return send({ t: lastTime, x, y, down }, !down);
  },
  /** @param {number} id @param {string} name */
  correct: (id, name) => send({ correct: id, name }, true),
  /** Discards the unfinished symbol. */
  cancel: () => send({ cancel: true }, true),
};

function update() {
  refresh().catch((error) => { if (error.status) showStatus(undefined, error.message); });
}

function receive(answer) {
  if (!('changed' in answer)) live.onanswer(answer);
  else if (answer.changed !== health.version) update();
}

function connect() {
  clearTimeout(timer);
  if (socket && socket.readyState <= WebSocket.OPEN) return;
  const url = new URL('live', document.baseURI);
  url.protocol = url.protocol.replace('http', 'ws');
  const token = currentToken();
  socket = new WebSocket(url, token ? ['strokejax', `token.${token}`] : ['strokejax']);
  socket.onopen = () => {
    wait = FIRST_WAIT;
    lastTime = 0;
    queue = [];
    lost = false;
    live.epoch += 1;
    showStatus('open');
    live.onopen();
    update();
  };
  socket.onmessage = (event) => receive(JSON.parse(event.data));
  socket.onclose = ({ reason }) => {
    // After a failed reconnection the token may be wrong: a request asks for another one.
    if (lost) update();
    lost = true;
    showStatus('lost', reason);
    timer = setTimeout(connect, wait * (0.75 + Math.random() / 2));
    wait = Math.min(2 * wait, MAX_WAIT);
  };
}

async function start() {
  try {
    await refresh();
  } catch (error) {
    showStatus('off', error.message);
    // 401: the user closed the token's dialog.
    if (error.status !== 401) setTimeout(start, RETRY);
    return;
  }
  addEventListener('online', connect);
  connect();
}
start();
