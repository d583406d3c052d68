// page.mjs PAGE SERVICE FILE: the page of `aeon docs serve` in a browser (Chromium without a window, told over its pipe what to do). SERVICE is
// the running service that the page tries routes on, FILE any file to upload.
import { spawn } from 'child_process';
import { mkdtempSync, rmSync } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';

const [page, service, file] = process.argv.slice(2);
const profile = mkdtempSync(join(tmpdir(), 'aeon-page-'));
const browser = spawn('chromium-headless-shell', ['--no-sandbox', '--disable-gpu', '--remote-debugging-pipe', `--user-data-dir=${profile}`, 'about:blank'],
  { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
let passed = 0, failed = 0, done = false;
browser.on('exit', (code, signal) => {
  rmSync(profile, { recursive: true, force: true });
  if (!done) console.log(`the browser has gone (${code ?? signal})`);
  console.log(`${passed} passed, ${failed + !done} failed`);
  process.exit(failed || !done ? 1 : 0);
});

// ------------------------------------------------------------------ the browser: a question, its answer, and what happens meanwhile

const waiting = new Map(), wrong = [], asked = [];
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

function tell(method, params = {}) {
  const id = ++lastId;
  browser.stdio[3].write(JSON.stringify({ id, method, params, sessionId: session }) + '\0');
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

async function evaluate(expression) {
  const { result, exceptionDetails } = await tell('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
  if (exceptionDetails) throw new Error(`${expression}: ${exceptionDetails.exception?.description}`);
  return result.value;
}

// Until the expression is true; how long that takes is the machine's business.
async function until(expression) {
  while (!(await evaluate(expression))) await new Promise((resolve) => setTimeout(resolve, 50));
}

async function open(url) {
  await tell('Page.navigate', { url });
  await until(`document.readyState === 'complete' && location.href !== 'about:blank'`);
}

async function press(key, code, windowsVirtualKeyCode, typed) {
  await tell('Input.dispatchKeyEvent', { type: 'keyDown', key, code, windowsVirtualKeyCode, text: typed });
  await tell('Input.dispatchKeyEvent', { type: 'keyUp', key, code, windowsVirtualKeyCode });
}
const tab = () => press('Tab', 'Tab', 9);
const enter = () => press('Enter', 'Enter', 13, '\r');

async function tabTo(selector) {
  for (let i = 0; i < 200; i++) {
    if (await evaluate(`document.activeElement.matches(${JSON.stringify(selector)})`)) return;
    await tab();
  }
  throw new Error(`${selector} is not reached by Tab`);
}

// ------------------------------------------------------------------ tests

async function test(name, body) {
  try {
    await body();
    passed++;
  } catch (error) {
    failed++;
    console.log(`${name}: ${error.stack}`);
  }
}

function same(is, wanted) {
  if (JSON.stringify(is) !== JSON.stringify(wanted)) throw new Error(`${JSON.stringify(is)} in place of ${JSON.stringify(wanted)}`);
}

// Of one route's form: what is said there after it was sent.
const answerOf = async (id) => {
  await until(`document.querySelector('#${id} .answer').textContent`);
  return evaluate(`document.querySelector('#${id} .status')?.textContent + '\\n' + (document.querySelector('#${id} .answer pre')?.textContent ?? '')`);
};
const submit = (id) => evaluate(`document.querySelector('#${id}').open = true; document.querySelector('#${id} form').requestSubmit()`);

async function names_every_route_and_channel() {
  const routes = await evaluate(`fetch('openapi.json').then((reply) => reply.json()).then((document) => Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).filter((method) => item[method].responses).map((method) => method.toUpperCase() + ' ' + path)))`);
  const channels = await evaluate(`fetch('asyncapi.json').then((reply) => reply.json()).then((document) => Object.values(document.channels).map((one) => one.address))`);
  const shown = await evaluate(`[...document.querySelectorAll('summary')].map((one) => one.innerText.replace(/\\s+/g, ' '))`);
  for (const name of [...routes, ...channels.filter((one) => one)])
    if (!shown.some((one) => one.startsWith(name))) throw new Error(`${name} is not in ${shown}`);
  same([routes.length > 8, channels.length], [true, 3]);
}

async function what_is_said_is_text() {
  same(await evaluate(`document.querySelectorAll('main b').length`), 0);
  same(await evaluate(`document.querySelector('#get-items p').textContent`), 'In pages, </script><b>of at most</b> a hundred.');
  same(await evaluate(`document.querySelector('#schema-item dd').textContent`), '</script><b>not bold</b>');
  same(await evaluate(`document.getElementById('about').textContent`), 'Kettles & <cups>.');
}

async function a_route_is_tried_by_keyboard_alone() {
  await evaluate(`document.activeElement.blur()`);
  await tabTo('#get-items-id summary');
  await enter();
  await tabTo('#get-items-id input[name=id]');
  await tell('Input.insertText', { text: '7' });
  await enter();
  same(JSON.parse((await answerOf('get-items-id')).split('\n').slice(1).join('')), { id: 7, title: 'a kettle', price: 29.5 });
}

async function a_link_opens_the_schema() {
  await evaluate(`document.querySelector('#get-items-id a[href="#schema-item"]').click()`);
  await until(`document.getElementById('schema-item').open && document.activeElement.parentElement.id === 'schema-item'`);
}

async function a_query_is_sent_and_every_digit_comes_back() {
  await evaluate(`document.querySelector('#get-items [name=title]').value = 'a ?&#+ cup'`);
  await submit('get-items');
  const answer = await answerOf('get-items');
  if (!answer.startsWith('200\n') || !answer.includes('"id": 18446744073709551615') || !answer.includes('"title": "a ?&#+ cup"')) throw new Error(answer);
}

async function a_body_is_sent() {
  same(await evaluate(`JSON.parse(document.querySelector('#post-items textarea').value)`), { title: 'x', price: 0 });
  await evaluate(`document.querySelector('#post-items textarea').value = '{"title": "tasse à café", "price": 4}'`);
  await submit('post-items');
  const answer = await answerOf('post-items');
  if (!answer.startsWith('201\n') || !answer.includes('tasse à café')) throw new Error(answer);
}

async function a_form_is_sent() {
  await evaluate(`document.querySelector('#post-login [name=name]').value = 'Ada'; document.querySelector('#post-login [name=password]').value = 'x'`);
  await submit('post-login');
  same(await answerOf('post-login'), '204\n');
  same(await evaluate(`document.querySelector('#post-login [name=password]').type`), 'password');
}

async function a_file_is_sent() {
  const { root } = await tell('DOM.getDocument');
  const { nodeId } = await tell('DOM.querySelector', { nodeId: root.nodeId, selector: '#post-photos input[type=file]' });
  await tell('DOM.setFileInputFiles', { nodeId, files: [file] });
  await evaluate(`document.querySelector('#post-photos [name=caption]').value = 'sea'`);
  await submit('post-photos');
  same(JSON.parse((await answerOf('post-photos')).split('\n').slice(1).join('')), { caption: 'sea', size: 5 });
}

async function an_error_is_told() {
  await submit('get-slow');
  const answer = await answerOf('get-slow');
  if (!answer.startsWith('504\n')) throw new Error(answer);
}

async function of_an_endless_reply_the_beginning_is_shown() {
  let answer;
  do { // on a busy machine the moment that it waits may be too short
    await evaluate(`document.querySelector('#get-events .answer').replaceChildren()`);
    await submit('get-events');
    answer = await answerOf('get-events');
  } while (answer === '200\n');
  same(answer, '200\ndata: a kettle was sold\n\n');
}

async function it_fits_a_phone() {
  await tell('Emulation.setDeviceMetricsOverride', { width: 360, height: 740, deviceScaleFactor: 2, mobile: true });
  await evaluate(`document.querySelectorAll('details').forEach((one) => one.open = true)`);
  same(await evaluate(`document.documentElement.scrollWidth`), 360);
  await tell('Emulation.clearDeviceMetricsOverride');
}

// As WCAG 2 measures it: 4.5 is enough for text.
const contrasts = `(() => {
  const light = (name) => {
    const [r, g, b] = getComputedStyle(document.documentElement).getPropertyValue(name).match(/[0-9a-f]+/)[0].replace(/^(.)(.)(.)$/, '$1$1$2$2$3$3').match(/../g)
      .map((part) => parseInt(part, 16) / 255).map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  return [getComputedStyle(document.body).backgroundColor, ['--paper', '--panel'].flatMap((ground) => ['--ink', '--faint', '--link', '--bad'].map((ink) => [ink, ground, contrast(ink, ground)]))];
})()`;

async function light_and_dark_can_be_read() {
  const grounds = [];
  for (const value of ['light', 'dark']) {
    await tell('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value }] });
    const [ground, pairs] = await evaluate(contrasts);
    grounds.push(ground);
    for (const [ink, paper, contrast] of pairs) if (!(contrast >= 4.5)) throw new Error(`${value}: ${ink} on ${paper}: ${contrast}`);
  }
  same(grounds, ['rgb(255, 255, 255)', 'rgb(20, 24, 31)']);
}

async function every_field_has_a_label() {
  same(await evaluate(`[...document.querySelectorAll('input, select, textarea')].filter((one) => !one.labels.length).map((one) => one.outerHTML)`), []);
}

async function the_filter_hides_the_rest() {
  await evaluate(`document.getElementById('filter').focus()`);
  await tell('Input.insertText', { text: 'post items' });
  same(await evaluate(`[...document.querySelectorAll('.item:not([hidden])')].map((one) => one.id)`), ['post-items']);
}

async function nothing_is_wrong_and_nobody_else_was_asked() {
  same(wrong, []);
  same(asked.filter((url) => !url.startsWith(page) && !url.startsWith('data:')), []);
}

// The service's own origin stands for any other site.
async function a_page_of_another_site_cannot_try() {
  await open(`${service}/tree`);
  const fetched = (headers) => evaluate(`fetch('${page}try', { method: 'POST', headers: ${headers}, body: '{"method":"GET","path":"/tree"}' }).then((reply) => reply.status, () => 'refused')`);
  same([await fetched(`{ 'X-Aeon-Docs': 'try' }`), await fetched('{}')], ['refused', 'refused']);
}

const { targetId } = await tell('Target.createTarget', { url: 'about:blank' });
session = (await tell('Target.attachToTarget', { targetId, flatten: true })).sessionId;
for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'DOM']) await tell(`${domain}.enable`);
await open(page);
for (const body of [names_every_route_and_channel, what_is_said_is_text, a_route_is_tried_by_keyboard_alone, a_link_opens_the_schema,
  a_query_is_sent_and_every_digit_comes_back, a_body_is_sent, a_form_is_sent, a_file_is_sent, an_error_is_told, of_an_endless_reply_the_beginning_is_shown, it_fits_a_phone,
  light_and_dark_can_be_read, every_field_has_a_label, the_filter_hides_the_rest, nothing_is_wrong_and_nobody_else_was_asked,
  a_page_of_another_site_cannot_try])
  await test(body.name, body);
done = true;
browser.kill();
