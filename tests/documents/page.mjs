// page.mjs PAGE SERVICE FILE: the page of `aeon docs serve` in a browser. SERVICE is
// the running service that the page tries routes on, FILE any file to upload.
import { asked, contrasts, enter, evaluate, finish, open, prefer, same, tabTo, tell, test, until, wrong } from '../harness/browser.mjs';

const [page, service, file] = process.argv.slice(2);

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

async function light_and_dark_can_be_read() {
  const grounds = [];
  for (const value of ['light', 'dark']) {
    await prefer(value);
    grounds.push(await evaluate('getComputedStyle(document.body).backgroundColor'));
    for (const [ink, paper, contrast] of await contrasts(['--ink', '--faint', '--link', '--bad'], ['--paper', '--panel'])) if (!(contrast >= 4.5)) throw new Error(`${value}: ${ink} on ${paper}: ${contrast}`);
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

await open(page);
for (const body of [names_every_route_and_channel, what_is_said_is_text, a_route_is_tried_by_keyboard_alone, a_link_opens_the_schema,
  a_query_is_sent_and_every_digit_comes_back, a_body_is_sent, a_form_is_sent, a_file_is_sent, an_error_is_told, of_an_endless_reply_the_beginning_is_shown, it_fits_a_phone,
  light_and_dark_can_be_read, every_field_has_a_label, the_filter_hides_the_rest, nothing_is_wrong_and_nobody_else_was_asked,
  a_page_of_another_site_cannot_try])
  await test(body.name, body);
finish();
