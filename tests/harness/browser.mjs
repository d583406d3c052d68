// browser.mjs: Chromium without a window, told over its pipe what to do, and tests in it. Whoever imports it runs its tests and calls finish().
import { spawn } from 'child_process';
import { mkdtempSync, rmSync } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';

const profile = mkdtempSync(join(tmpdir(), 'aeon-browser-'));
const browser = spawn('chromium-headless-shell', ['--no-sandbox', '--disable-gpu', '--host-resolver-rules=MAP shop.example 127.0.0.1', '--remote-debugging-pipe', `--user-data-dir=${profile}`, 'about:blank'],
  { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
let passed = 0, failed = 0, done = false;
browser.on('exit', (code, signal) => {
  rmSync(profile, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 }); // its helpers may still be at it
  if (!done) console.log(`the browser has gone (${code ?? signal})`);
  console.log(`${passed} passed, ${failed + !done} failed`);
  process.exit(failed || !done ? 1 : 0);
});

// ------------------------------------------------------------------ the browser: a question, its answer, and what happens meanwhile

export const wrong = [], asked = []; // what the console and the log complain of; every URL that was asked for
const waiting = new Map();
let lastId = 0, session, text = '';

function hear({ id, result, error, method, params }) {
  if (id) {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    error ? reject(new Error(error.message)) : resolve(result);
  } else if (method === 'Runtime.exceptionThrown') wrong.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
  else if (method === 'Runtime.consoleAPICalled') wrong.push(params.args.map((one) => one.value).join(' '));
  else if (method === 'Log.entryAdded') wrong.push(`${params.entry.text} ${params.entry.url ?? ''}`);
  else if (method === 'Network.requestWillBeSent') asked.push(params.request.url);
}

browser.stdio[4].on('data', (bytes) => {
  const messages = (text + bytes).split('\0');
  text = messages.pop();
  messages.forEach((message) => hear(JSON.parse(message)));
});

export function tell(method, params = {}) {
  const id = ++lastId;
  browser.stdio[3].write(JSON.stringify({ id, method, params, sessionId: session }) + '\0');
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

export async function evaluate(expression) {
  const { result, exceptionDetails } = await tell('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
  if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description}`);
  return result.value;
}

// Until the expression is true; how long that takes is the machine's business.
export async function until(expression) {
  while (!(await evaluate(expression))) await new Promise((resolve) => setTimeout(resolve, 50));
}

export async function open(url) {
  await tell('Page.navigate', { url });
  await until(`document.readyState === 'complete' && location.href !== 'about:blank'`);
}

export async function press(key, code, windowsVirtualKeyCode, typed) {
  await tell('Input.dispatchKeyEvent', { type: 'keyDown', key, code, windowsVirtualKeyCode, text: typed });
  await tell('Input.dispatchKeyEvent', { type: 'keyUp', key, code, windowsVirtualKeyCode });
}
export const tab = () => press('Tab', 'Tab', 9);
export const enter = () => press('Enter', 'Enter', 13, '\r');

export async function tabTo(selector) {
  for (let i = 0; i < 200; i++) {
    if (await evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) return;
    await tab();
  }
  throw new Error(`${selector} is not reached by Tab`);
}

// ------------------------------------------------------------------ tests

export async function test(name, body) {
  try {
    await body();
    passed++;
  } catch (error) {
    failed++;
    console.log(`${name}: ${error.stack}`);
  }
}

export function same(is, wanted) {
  if (JSON.stringify(is) !== JSON.stringify(wanted)) throw new Error(`${JSON.stringify(is)} in place of ${JSON.stringify(wanted)}`);
}

// As WCAG 2 measures it: what each of the colours @inks on each of @grounds comes to, by the names of their variables. 4.5 is enough for text.
export const contrasts = (inks, grounds) => evaluate(`((inks, grounds) => {
  const light = (name) => {
    const [r, g, b] = getComputedStyle(document.documentElement).getPropertyValue(name).match(/[0-9a-f]+/)[0].replace(/^(.)(.)(.)$/, '$1$1$2$2$3$3').match(/../g)
      .map((part) => parseInt(part, 16) / 255).map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  return grounds.flatMap((ground) => inks.map((ink) => [ink, ground, contrast(ink, ground)]));
})(${JSON.stringify(inks)}, ${JSON.stringify(grounds)})`);

export const prefer = (value) => tell('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value }] });

export function finish() {
  done = true;
  browser.kill();
}

const { targetId } = await tell('Target.createTarget', { url: 'about:blank' });
session = (await tell('Target.attachToTarget', { targetId, flatten: true })).sessionId;
for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'DOM']) await tell(`${domain}.enable`);
