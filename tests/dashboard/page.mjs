// page.mjs FOLDER: the dashboard in a browser, beside a service that goes through good and bad times. FOLDER is for the files that make its checks
// fail. PATH has `aeon`.
import { spawn } from 'child_process';
import { rmSync, writeFileSync } from 'fs';
import { join } from 'path';
import { asked, contrasts, enter, evaluate, finish, open, prefer, same, tab, tell, test, until, wrong } from '../harness/browser.mjs';

const [folder] = process.argv.slice(2);
const shop = new URL('shop.c', import.meta.url).pathname;
const services = new Set();
process.on('exit', () => services.forEach((one) => one.kill('SIGKILL')));
process.on('SIGTERM', () => process.exit(1));

// ------------------------------------------------------------------ the service

// Begin it with these options; once it is ready, as "1 loop" or "2 workers", where it is and how it ends.
function begin(kind, ...options) {
  const service = spawn('aeon', ['run', shop, '--folder', folder, '--odd-names', 'yes', '--graceful-timeout', '120s', ...options], { stdio: ['ignore', 'ignore', 'pipe'] });
  services.add(service);
  const ended = new Promise((resolve) => service.on('exit', (code, signal) => {
    services.delete(service);
    resolve(code ?? signal);
  }));
  return new Promise((resolve, reject) => {
    let said = '';
    ended.then((code) => reject(new Error(`it has ended with ${code}:\n${said}`)));
    service.stderr.on('data', (bytes) => {
      said += bytes;
      const admin = said.match(`\\(${kind}, admin endpoints on (127\\.0\\.0\\.1:\\d+)`);
      if (admin) resolve({ admin: `http://${admin[1]}/`, http: `http://${said.match(/HTTP on (127\.0\.0\.1:\d+)/)?.[1]}`, stop: () => service.kill('SIGTERM'), ended, said: () => said });
    });
  });
}

const file = (name) => join(folder, name);
const get = async (path) => (await fetch(service.admin + path)).json();

// Every task that lives. On a busy machine a loop may be too late to tell: then it is asked again.
async function tasks() {
  for (;;) {
    const { loops } = await get('tasks');
    if (loops.every((one) => one.dump)) return loops.flatMap((one) => one.dump.list);
  }
}

// ------------------------------------------------------------------ the page

const texts = (selector) => evaluate(`[...document.querySelectorAll(${JSON.stringify(selector)})].map((one) => one.textContent)`);
const textOf = async (selector) => (await texts(selector))[0];
const names = (section) => texts(`#${section} tbody .name`);
const untilText = (selector, text) => until(`document.querySelector(${JSON.stringify(selector)})?.textContent === ${JSON.stringify(text)}`);
const nextState = async () => {
  const before = await evaluate(`last?.at_ms ?? 0`);
  await until(`last && last.at_ms > ${before}`);
};
const openAll = () => evaluate(`document.querySelectorAll('details').forEach((one) => one.open = true)`);
const row = (section, name) => `#${section} tr[data-key=${JSON.stringify(name)}]`;

// ------------------------------------------------------------------ tests

async function what_it_shows_is_what_the_endpoints_say() {
  await until(`last?.snapshot.routes.length === 3 && last.snapshot.background[1].restarts === 2 && last.health.status === 'healthy'`);
  const [health, snapshot] = [await get('healthz'), await get('snapshot')];
  same(await names('components'), health.components.map((one) => one.name));
  await until(`[...document.querySelectorAll('#components .pill')].every((one) => one.textContent === 'Healthy')`);
  same(await names('subscriptions'), snapshot.subscriptions.map((one) => one.destination));
  same((await names('routes')).sort(), snapshot.routes.map((one) => `${one.method} ${one.route}`).sort());
  same(await names('background'), snapshot.background.map((one) => one.name));
  same(await texts('#background td:last-child'), snapshot.background.map((one) => String(one.restarts)));
  same(await names('periodic'), snapshot.periodic.map((one) => one.name));
  same(await names('loops'), ['Loop 0']);
  same([await textOf('#readyz'), await textOf('#livez'), await textOf('#startupz'), await textOf('#health')], ['Ready', 'Live', 'Complete', 'Healthy']);
  same([await textOf('h1'), await textOf('#phase')], ['Tea & Cups', 'Serving']);
}

// Numbers grow while we ask: what is shown lies between what was said before and after.
async function numbers_are_those_of_the_snapshot() {
  const before = await get('snapshot');
  await nextState(); // this one may have been on its way already
  await nextState();
  const shown = (await texts('#subscriptions details')).map((text) => Number(text.match(/Received([\d,]+)/)[1].replaceAll(',', '')));
  const answered = await evaluate(`Object.fromEntries([...document.querySelectorAll('#routes tbody tr')].map((one) => [one.dataset.key, one.querySelector('dd').textContent]))`);
  const after = await get('snapshot');
  shown.forEach((number, i) => same([number >= before.subscriptions[i].received, number <= after.subscriptions[i].received, number > 0], [true, true, true]));
  after.routes.forEach((one, i) => {
    const number = Number(answered[`${one.method} ${one.route}`].replaceAll(',', ''));
    same([number >= before.routes[i].answered, number <= one.answered, number > 0], [true, true, true]);
  });
  await until(`document.querySelector('#subscriptions td.number').textContent.match(/^[\\d.]+\\/s$/)`);
}

async function messages_that_wait_at_the_broker_are_the_lag() {
  const shown = async () => Number((await textOf(`${row('subscriptions', 'broker invoices write_invoice')} td:nth-of-type(5)`)).replaceAll(',', ''));
  const lag = (snapshot) => snapshot.subscriptions.find((one) => one.destination === 'invoices').lag;
  await until(`last.snapshot.subscriptions.every((one) => one.lag === 0)`);
  same(await shown(), 0);
  writeFileSync(file('printer'), 'out of paper');
  await until(`last.snapshot.subscriptions.some((one) => one.lag > 5)`);
  const number = await shown(); // it only grows
  same([number > 5, number <= lag(await get('snapshot'))], [true, true]);
  rmSync(file('printer'));
  await until(`last.snapshot.subscriptions.every((one) => one.lag === 0)`);
  same(await shown(), 0);
}

async function every_task_is_in_the_tree() {
  await evaluate(`document.querySelector('#tasks details').open = true`);
  const lives = async () => (await tasks()).map((task) => `${task.name} #${task.id}`);
  let all, missing;
  do { // what lives before and after is there in between, unless the page's own question was older
    const before = await lives();
    await nextState();
    await nextState();
    const shown = await texts('#tasks tbody th'), after = new Set(await lives());
    all = before.filter((one) => after.has(one));
    missing = all.filter((one) => !shown.includes(one));
  } while (missing.length);
  same(all.length > 10, true);
  const waits = await texts('#tasks tbody td:nth-child(2)');
  same(waits.some((one) => one.startsWith('sleep')), true);
}

async function a_check_that_turns_bad_is_seen_and_its_words_are_text() {
  const words = '</script><b>down</b><img src=x onerror=alert(1)> & "more"';
  writeFileSync(file('database'), words);
  await untilText(`${row('components', 'database')} .pill`, 'Unhealthy');
  await untilText('#readyz', 'Not ready');
  await untilText('#health', 'Unhealthy');
  await untilText(`${row('components', 'database')} .text`, words);
  same(await evaluate(`document.getElementById('news').textContent.includes('database is unhealthy: </script><b>down</b>')`), true);
  same(await evaluate(`document.querySelectorAll('main b, main img').length`), 0);
  rmSync(file('database'));
  await untilText(`${row('components', 'database')} .pill`, 'Healthy');
  await untilText('#readyz', 'Ready');
  await untilText(`${row('components', 'database')} .text`, '');
}

async function a_name_that_is_html_is_text() {
  same((await names('background'))[2], '</script><b>mail</b>');
}

async function tab_reaches_every_summary_and_shows_where_it_is() {
  await evaluate(`document.querySelectorAll('details').forEach((one) => one.open = false); document.activeElement.blur(); scrollTo(0, 0)`);
  const wanted = await evaluate(`document.querySelectorAll('summary').length`), reached = await evaluate(`(window.reached = new Set()).size`);
  for (let i = 0; i < wanted + 3; i++) {
    await tab();
    const outline = await evaluate(`reached.add(document.activeElement), getComputedStyle(document.activeElement).outlineStyle`);
    if (await evaluate(`document.activeElement !== document.body`)) same(outline, 'solid');
  }
  same([reached, await evaluate(`[...document.querySelectorAll('summary')].filter((one) => !reached.has(one)).length`), wanted >= 6], [0, 0, true]);
  await evaluate(`document.querySelector('#tasks summary').focus()`);
  await enter();
  same(await evaluate(`document.querySelector('#tasks details').open`), true);
}

async function a_reader_of_screens_finds_headings_and_tables() {
  same(await evaluate(`[...document.querySelectorAll('h1, h2, h3')].filter((one) => one.checkVisibility()).map((one) => one.tagName[1]).join('').replace(/(.)\\1+/g, '$1')`), '123');
  same(await evaluate(`[...document.querySelectorAll('section')].filter((one) => !document.getElementById(one.getAttribute('aria-labelledby'))).length`), 0);
  same(await evaluate(`[...document.querySelectorAll('table')].filter((one) => !one.caption?.textContent || one.querySelector('thead th:not([scope=col]), tbody th:not([scope=row])')).length`), 0);
  same(await evaluate(`document.querySelectorAll('[role=status], [aria-live]').length`), 1);
}

async function it_fits_a_phone() {
  await openAll();
  for (const width of [375, 320]) {
    await tell('Emulation.setDeviceMetricsOverride', { width, height: 740, deviceScaleFactor: 2, mobile: true });
    await nextState();
    same(await evaluate(`document.documentElement.scrollWidth`), width);
    // A card is still a row of a table for who hears it.
    const { node } = (await tell('DOM.describeNode', { nodeId: (await tell('DOM.querySelector', { nodeId: (await tell('DOM.getDocument')).root.nodeId, selector: '#components tbody tr' })).nodeId }));
    const { nodes } = await tell('Accessibility.getPartialAXTree', { backendNodeId: node.backendNodeId, fetchRelatives: false });
    same(nodes[0].role.value, 'row');
  }
  await tell('Emulation.clearDeviceMetricsOverride');
}

async function light_and_dark_can_be_read() {
  const grounds = [];
  for (const value of ['light', 'dark']) {
    await prefer(value);
    grounds.push(await evaluate('getComputedStyle(document.body).backgroundColor'));
    const pairs = await contrasts(['--ink', '--faint', '--link', '--bad', '--warn'], ['--ground', '--paper', '--hover']);
    for (const kind of ['good', 'warn', 'bad', 'calm']) pairs.push(...await contrasts([`--${kind}`], [`--${kind}-ground`]));
    for (const [ink, paper, contrast] of pairs) if (!(contrast >= 4.5)) throw new Error(`${value}: ${ink} on ${paper}: ${contrast}`);
  }
  same(grounds, ['rgb(245, 246, 248)', 'rgb(15, 18, 23)']);
}

const streams = async () => (await tasks()).filter((one) => one.name.startsWith('GET /events')).length;

async function a_page_that_nobody_sees_asks_for_nothing() {
  const see = (hidden) => evaluate(`Object.defineProperty(document, 'hidden', { configurable: true, value: ${hidden} }); document.dispatchEvent(new Event('visibilitychange'))`);
  same(await streams(), 1);
  await see(true);
  while (await streams()) await new Promise((resolve) => setTimeout(resolve, 100));
  await see(false);
  await nextState();
  same(await streams(), 1);
}

async function nothing_is_wrong_and_nobody_else_was_asked() {
  same(wrong, []);
  same(asked.filter((url) => !url.startsWith(service.admin) && !url.startsWith('data:')), []);
}

async function no_other_script_may_run() {
  same(await evaluate(`new Promise((resolve) => {
    document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective));
    const script = document.createElement('script');
    script.textContent = 'document.title = "taken over"';
    document.body.append(script);
  })`), 'script-src-elem');
  same(await evaluate(`document.title.includes('taken over')`), false);
}

// One whose name was made to point to this machine: "shop.example" does in this browser.
async function who_comes_by_another_name_sees_the_page_and_no_data() {
  await open(service.admin.replace('127.0.0.1', 'shop.example'));
  await untilText('#phase', 'Refused');
  same([(await textOf('#notice')).includes('--health-details'), (await texts('td')).length, await textOf('h1')], [true, 0, 'Dashboard']);
  same(await evaluate(`Promise.all(['events', 'tasks', 'snapshot'].map((path) => fetch(path).then((reply) => reply.status)))`), [403, 403, 403]);
  await open(service.admin);
  await untilText('#phase', 'Serving');
}

// The page watches the end: what is in flight keeps the service until we let it go, not the page.
async function a_stop_is_seen_and_does_not_wait_for_the_page() {
  const gone = new AbortController();
  const request = fetch(`${service.http}/linger`, { signal: gone.signal }).catch(() => {});
  await until(`fetch('tasks').then((reply) => reply.text()).then((text) => text.includes('GET /linger'))`);
  service.stop();
  await untilText('#phase', 'Draining');
  await untilText('#readyz', 'Not ready');
  same((await textOf('#notice')).startsWith('The service drains'), true);
  gone.abort();
  await request;
  same(await service.ended, 0);
  same(service.said().includes('abandoned'), false);
  await untilText('#phase', 'No connection');
  same((await textOf('#notice')).startsWith('It has ended'), true);
}

async function when_it_is_back_so_is_the_page() {
  await evaluate(`seen.set('of the one before', [])`);
  service = await begin('1 loop', '--admin', service.admin.slice('http://'.length, -1));
  await untilText('#phase', 'Serving');
  same(await evaluate(`document.getElementById('notice').hidden && !seen.has('of the one before')`), true);
  service.stop();
  same(await service.ended, 0);
}

async function a_supervisor_shows_its_workers_and_the_way_to_each() {
  service = await begin('2 workers', '--workers', '2', '--admin', '127.0.0.1:0');
  await open(service.admin);
  await until(`[...document.querySelectorAll('#workers .pill')].map((one) => one.textContent).join() === 'Healthy,Healthy'`);
  same(await names('workers'), ['Worker 1', 'Worker 2']);
  same((await textOf('#notice')).startsWith('This is the supervisor'), true);
  await openAll();
  await until(`[...document.querySelectorAll('#tasks h3')].some((one) => one.textContent.startsWith('Worker 2, loop 0'))`);
  await evaluate(`document.querySelectorAll('#workers a')[1].click()`);
  await untilText('h1', 'Tea & Cups, worker 2');
  await untilText('#phase', 'Serving');
  service.stop();
  same(await service.ended, 0);
}

for (const name of ['database', 'printer'])
  rmSync(file(name), { force: true });
let service = await begin('1 loop', '--admin', '127.0.0.1:0');
await open(service.admin);
for (const body of [what_it_shows_is_what_the_endpoints_say, numbers_are_those_of_the_snapshot, messages_that_wait_at_the_broker_are_the_lag, every_task_is_in_the_tree,
  a_check_that_turns_bad_is_seen_and_its_words_are_text, a_name_that_is_html_is_text, tab_reaches_every_summary_and_shows_where_it_is,
  a_reader_of_screens_finds_headings_and_tables, it_fits_a_phone, light_and_dark_can_be_read, a_page_that_nobody_sees_asks_for_nothing,
  nothing_is_wrong_and_nobody_else_was_asked, no_other_script_may_run, who_comes_by_another_name_sees_the_page_and_no_data, a_stop_is_seen_and_does_not_wait_for_the_page,
  when_it_is_back_so_is_the_page, a_supervisor_shows_its_workers_and_the_way_to_each])
  await test(body.name, body);
finish();
